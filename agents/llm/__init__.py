"""Language models as agents: what they are told, what is made of what they say, and what it costs."""
