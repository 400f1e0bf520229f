"""Blueprints to begin with, and how to say what was found in them."""

from __future__ import annotations

from textwrap import dedent, indent

from projects.blueprints.errors import BlueprintInvalid
from projects.blueprints.load import load_text

HEAD = """\
name: example
version: 1
title: An example
inputs:
  type: object
  required: [product]
  properties:
    product: {type: string}
    note: {type: string}
    budget: {type: number, default: 500}
    options: {type: object, default: {}, properties: {deep: {type: boolean, default: false}}}
variables:
  limit: 3
"""
HEAD_LINES = HEAD.count("\n")


def with_phases(phases: str) -> str:
    """A blueprint with these phases, which begin in line ``HEAD_LINES + 2``."""
    return HEAD + "phases:\n" + indent(dedent(phases), "  ")


def with_steps(steps: str, gate: str = "") -> str:
    """A blueprint of one phase with these steps, which begin in line ``HEAD_LINES + 4``."""
    text = "- key: work\n  steps:\n" + indent(dedent(steps), "    ")
    if gate:
        text += "  gate:\n" + indent(dedent(gate), "    ")
    return with_phases(text)


def problems_of(source: str) -> list[str]:
    """What loading finds, each as it is printed; nothing where it loads."""
    try:
        load_text(source, origin="file.yaml")
    except BlueprintInvalid as error:
        return [str(problem) for problem in error.problems]
    return []
