"""Access: who somebody is (a session, an API key, a command) and what they may do (roles)."""
