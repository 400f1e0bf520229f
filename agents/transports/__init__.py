"""How an agent is reached: one small module a transport."""
