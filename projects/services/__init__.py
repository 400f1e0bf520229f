"""Verbs in the users' words: keyword-only, one transaction each, a typed refusal where they cannot."""
