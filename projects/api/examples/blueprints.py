"""Blueprints, listed, read and registered."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import DIGEST

BLUEPRINT: dict[str, Any] = {
    "name": "hello",
    "version": 1,
    "title": "Say hello",
    "description": "",
    "digest": DIGEST,
    "shipped": True,
}
BLUEPRINT_SOURCE = """\
name: greeting
version: 1
title: Greet
phases:
  - key: greet
    steps:
      - {key: greet, agent: greeter, params: {name: world}}
"""
BLUEPRINT_DETAIL: dict[str, Any] = BLUEPRINT | {
    "versions": [1],
    "inputs": {"type": "object"},
    "definition": {"name": "hello", "version": 1},
    "source": BLUEPRINT_SOURCE,
}
