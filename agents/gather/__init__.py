"""Gathering. Pure."""
