"""The REST door of agents: they register here, say that they live, and are found."""
