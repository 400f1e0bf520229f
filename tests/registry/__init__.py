"""The registry of agents, on a real PostgreSQL and a real Redis."""
