"""What stands between a step and an agent that fails, is full, or asks to be left alone.

Deciding is pure (``circuit``, ``places``, ``rate``, ``guarding``, ``timeouts``, ``fallback``, ``outcomes``): it takes
the moment and the state and returns a value. ``shared`` takes the same decisions in Redis, each in one atomic
script, for all workers; ``local`` takes them in this process while Redis is away; ``services`` is the door.
"""
