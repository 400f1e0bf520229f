"""Requirement extraction: documents in, reviewed and cited requirements out."""
