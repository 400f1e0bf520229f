"""The words of a CEL expression, after the lexis of the CEL specification (google/cel-spec, doc/langdef.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from projects.blueprints.errors import ExpressionInvalid

_WORDS = re.compile(
    r"""
      (?P<space>    (?:[ \t\n\f\r]+|//[^\n]*)+ )
    | (?P<string>   [bB]?[rR](?:'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"|'[^'\n\r]*'|"[^"\n\r]*")
                  | [bB]?(?:'''(?s:(?:\\.|[^\\])*?)'''|\"\"\"(?s:(?:\\.|[^\\])*?)\"\"\"
                           |'(?:\\.|[^'\\\n\r])*'|"(?:\\.|[^"\\\n\r])*") )
    | (?P<float>    [0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)? )
    | (?P<int>      (?:0x[0-9a-fA-F]+|[0-9]+)[uU]? )
    | (?P<name>     [_a-zA-Z][_a-zA-Z0-9]* )
    | (?P<mark>     \|\||&&|[<>=!]=|[-+*/%<>!?:.,()\[\]{}] )
    """,
    re.VERBOSE,
)
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its kind (string, float, int, name, mark or end), its text, and where it begins, from 0."""

    kind: str
    text: str
    start: int


@lru_cache(maxsize=2048)
def tokens(source: str) -> tuple[Token, ...]:
    """The words of an expression, ``end`` last. Raises ``ExpressionInvalid`` for a character that begins none."""
    found: list[Token] = []
    position = 0
    while position < len(source):
        word = _word(source, position)
        if word.kind != "space":
            found.append(word)
        position += len(word.text)
    return (*found, Token("end", "", len(source)))


def closing_brace(text: str, start: int) -> int:
    """Where the ``}`` stands that ends the expression beginning at ``start``: none inside its strings or maps.

    Raises ``ExpressionInvalid`` where there is none.
    """
    open_marks: list[str] = []
    position = start
    while position < len(text):
        word = _word(text, position)
        if word.text == "}" and not open_marks:
            return position
        if word.kind == "mark" and word.text in _CLOSES:
            if not open_marks or open_marks.pop() != _CLOSES[word.text]:
                raise ExpressionInvalid(f"`{word.text}` closes nothing in ${{{text[start : position + 1]}")
        elif word.kind == "mark" and word.text in "([{":
            open_marks.append(word.text)
        position += len(word.text)
    raise ExpressionInvalid(f"${{{text[start:][:40]} has no closing brace")


def _word(source: str, position: int) -> Token:
    match = _WORDS.match(source, position)
    if match is None or match.lastgroup is None:
        character = source[position]
        if character in "'\"":
            raise ExpressionInvalid(f"the text that begins at {source[position:][:20]!r} is never closed")
        if character in "=&|":
            raise ExpressionInvalid(f"{character!r} is no operator; did you mean {character * 2!r}?")
        raise ExpressionInvalid(f"the character {character!r} has no meaning in an expression")
    return Token(match.lastgroup, match[0], position)
