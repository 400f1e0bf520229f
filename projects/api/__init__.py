"""The REST door: each view parses, calls one service, and says what came of it."""
