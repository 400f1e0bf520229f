"""Expressions and templates of blueprints, for those who evaluate them: what to import."""

from __future__ import annotations

from projects.blueprints.evaluation import ITEM_ROOTS, ROOTS, RULE_ROOTS, Expression, compile_expression
from projects.blueprints.templates import keepable, render, render_to_keep, template_references

__all__ = [
    "ITEM_ROOTS",
    "ROOTS",
    "RULE_ROOTS",
    "Expression",
    "compile_expression",
    "keepable",
    "render",
    "render_to_keep",
    "template_references",
]
