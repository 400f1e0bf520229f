"""Scope 3 emissions of suppliers, from activity and spend data, with the provenance of every figure."""
