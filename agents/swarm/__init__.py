"""Swarms. Pure: ``optimising`` searches, ``living`` moves, ``allocating`` shares work out, ``drawing`` shows them."""
