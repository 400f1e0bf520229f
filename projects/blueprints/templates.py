"""Templates: JSON values whose texts may hold ``${expression}``.

A text that is one expression and nothing else becomes its value, of whatever kind; within other words the value is
written as text, what is no text as JSON. ``$${`` is a plain ``${``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from orchestrator_site.storable import why_not
from projects.blueprints.cel_reading import Path
from projects.blueprints.cel_tokens import closing_brace
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.evaluation import Expression, compile_expression

Place = tuple[str | int, ...]


def render(template: Any, context: Mapping[str, Any]) -> Any:
    """The template with its expressions evaluated. Raises ``ExpressionFailed``, ``ExpressionInvalid``."""
    if isinstance(template, str):
        return _render_text(template, context)
    if isinstance(template, Mapping):
        return {key: render(value, context) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [render(value, context) for value in template]
    return template


def render_to_keep(template: Any, context: Mapping[str, Any], what: str) -> Any:
    """The same for what is written down: ``what`` names it in the reason where PostgreSQL cannot keep it.

    Raises ``ExpressionFailed`` for that too.
    """
    return keepable(render(template, context), what)


def keepable(value: Any, what: str) -> Any:
    """The value, where PostgreSQL can keep it. Raises ``ExpressionFailed``, with ``what`` it is and why not."""
    if why := why_not(value):
        raise ExpressionFailed(f"{what} cannot be kept: {why}")
    return value


def template_references(template: Any) -> tuple[Path, ...]:
    """The paths that the expressions of a template read. Raises ``ExpressionInvalid``."""
    sources = (source for _, text in texts_of(template) for source in expressions_in(text))
    return tuple(path for source in sources for path in compile_expression(source).references)


def texts_of(template: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text that may hold expressions, with its place in the template."""
    if isinstance(template, str):
        yield place, template
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from texts_of(value, (*place, key))
    elif isinstance(template, list | tuple):
        for index, value in enumerate(template):
            yield from texts_of(value, (*place, index))


def expressions_in(text: str) -> tuple[str, ...]:
    """The sources of the expressions in a text. Raises ``ExpressionInvalid`` where one is never closed."""
    return tuple(source for source, is_expression in _pieces(text) if is_expression)


def _render_text(text: str, context: Mapping[str, Any]) -> Any:
    pieces = _compiled(text)
    if len(pieces) == 1 and not isinstance(pieces[0], str):
        return pieces[0].evaluate(context)
    return "".join(each if isinstance(each, str) else _as_text(each.evaluate(context)) for each in pieces)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    # Sorted, because the library gives objects that it built in no order at all.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)


@lru_cache(maxsize=4096)
def _compiled(text: str) -> tuple[str | Expression, ...]:
    return tuple(compile_expression(piece) if expression else piece for piece, expression in _pieces(text))


@lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """The text cut into plain parts (False) and sources of expressions (True)."""
    pieces: list[tuple[str, bool]] = []
    plain, position = "", 0
    while (found := text.find("${", position)) >= 0:
        if found > 0 and text[found - 1] == "$" and found - 1 >= position:
            plain, position = plain + text[position : found - 1] + "${", found + 2
            continue
        if plain + text[position:found]:
            pieces.append((plain + text[position:found], False))
        end = closing_brace(text, found + 2)
        pieces.append((text[found + 2 : end].strip(), True))
        plain, position = "", end + 1
    if plain + text[position:]:
        pieces.append((plain + text[position:], False))
    return tuple(pieces)
