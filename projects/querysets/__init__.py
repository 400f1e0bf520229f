"""Guarded updates: every write of a status says from which states it may come, and whether it landed."""
