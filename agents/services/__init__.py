"""What others may ask of agents: verbs, each one file of its own."""
