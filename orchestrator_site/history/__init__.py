"""History: append-only events, sealed into a hash chain for each stream (a project, a saga)."""
