"""Evaluating expressions: CEL in a sandbox, over plain JSON values, with limits and with reasons to act on.

The language is the Common Expression Language (github.com/google/cel-spec); the package that evaluates it is written
in Rust, knows no Python object, and matches patterns in linear time. An error is never taken for true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cel

from projects.blueprints import cel_values, cel_widening, limits
from projects.blueprints.cel_diagnosis import said, why
from projects.blueprints.cel_paging import PAGE, Plan, Stage, planned
from projects.blueprints.cel_reading import Path, check_calls, path_of, references
from projects.blueprints.cel_syntax import Call, Literal, Name, Node, parse, walk
from projects.blueprints.cel_writing import written
from projects.blueprints.errors import ExpressionFailed, ExpressionInvalid
from projects.blueprints.suggestions import did_you_mean

RULE_ROOTS = frozenset({"params"})
"""What rules of a route may read: the parameters that the step is about to be given to an agent with."""
ITEM_ROOTS = frozenset({"item", "index"})
ROOTS = ITEM_ROOTS | frozenset(
    {"inputs", "results", "values", "variables", "approvals", "rework", "documents", "project", "intent"}
)

# What the library raises; not Exception as a whole, because Celery's soft time limit comes by one.
_LIBRARY_ERRORS = (ValueError, TypeError, RuntimeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. ``references`` are the paths that it reads, ``variables`` their roots."""

    source: str
    references: tuple[Path, ...]
    tree: Node = field(repr=False, compare=False)
    plan: Plan = field(repr=False, compare=False)

    @property
    def variables(self) -> frozenset[str]:
        """The roots that it reads."""
        return frozenset(path[0] for path in self.references)

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """Its value, a JSON value. Raises ``ExpressionFailed``, naming the expression and what was null or missing."""
        path = path_of(self.tree)
        try:
            if path is not None and self.references:
                return self._look_up(path, context)
            values = cel_values.read(context, cel_values.wanted(self.references))
            for stage in self.plan.stages:
                values[stage.name] = self._paged(stage, values, context)
            return cel_values.plain(self._run(self.plan.rest, values, context))
        except ExpressionFailed as error:
            message = f"The expression `{self.source}` failed: {error}"
            raise ExpressionFailed(message, expression=self.source) from None

    def check(self, context: Mapping[str, Any]) -> bool:
        """Its value as a condition. Raises ``ExpressionFailed`` also for all that is neither true nor false."""
        value = self.evaluate(context)
        if not isinstance(value, bool):
            reason = f"a condition is true or false, and this is {cel_values.kind_of(value)}"
            message = f"The expression `{self.source}` failed: {reason}"
            raise ExpressionFailed(message, expression=self.source)
        return value

    def _look_up(self, path: Path, context: Mapping[str, Any]) -> Any:
        """What a mere path names, found without the library: whatever its size, and exactly as it is."""
        value: Any = context
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise ExpressionFailed(why(self.tree, context, LookupError(name)))
            value = value[name]
        return cel_values.plain(value)

    def _paged(self, stage: Stage, values: dict[str, Any], context: Mapping[str, Any]) -> Any:
        """What a macro gives that runs beforehand, a page of its list at a time."""
        items = self._run(stage.range, values, context)
        if not isinstance(items, list):
            return self._run(stage.page(stage.name), {**values, stage.name: items}, context)
        limits.check_paged(stage.macro, values, cel_values.measured(items), len(items))
        read = {path[0] for part in stage.macro.body for path in references(part)}
        seen = {name: value for name, value in values.items() if name in read}
        result: list[Any] = []
        for start in range(0, len(items), PAGE):
            page = {**seen, stage.name: items[start : start + PAGE]}
            result += self._run(stage.page(stage.name), page, context, measured=True)
        return result

    def _run(self, tree: Node, values: dict[str, Any], context: Mapping[str, Any], *, measured: bool = False) -> Any:
        """The value of the expression, or of a part of it, by the library."""
        if isinstance(tree, Name) and tree.name in values:
            return values[tree.name]
        used = {name: value for name, value in values.items() if name in {path[0] for path in references(tree)}}
        if not measured:
            limits.check_size(tree, used)
        try:
            return _program(written(tree, {})).execute(used)
        except TypeError as error:
            if not cel_widening.widens(tree):
                raise ExpressionFailed(why(self.tree, context, error)) from None
            mixed = error
        except _LIBRARY_ERRORS as error:
            raise ExpressionFailed(why(self.tree, context, error)) from None
        try:
            return _program(written(tree, cel_widening.NAMES)).execute({**used, **cel_widening.FUNCTIONS})
        except _LIBRARY_ERRORS as error:
            raise ExpressionFailed(why(self.tree, context, cel_widening.meant(error, mixed))) from None


@lru_cache(maxsize=4096)
def compile_expression(source: str, roots: frozenset[str] = ROOTS) -> Expression:
    """Check and compile an expression that may read the given roots.

    Raises ``ExpressionInvalid`` for what is no CEL, reads another root, calls an unknown function, is longer than
    1 kB, or has more than two list macros.
    """
    limits.check_source(source)
    tree = parse(source)
    check_calls(tree, ROOTS)
    limits.check_macros(tree)
    _check_patterns(tree)
    paths = tuple(references(tree))
    for path in paths:
        if path[0] not in roots:
            raise ExpressionInvalid(_no_root(path[0], roots))
    _program(source)
    return Expression(source, paths, tree, planned(tree))


def _check_patterns(tree: Node) -> None:
    """Refuse patterns that are constants and no patterns, before a value meets them."""
    for part in walk(tree):
        match part:
            case Call(_, "matches", (Literal("string", text),)):
                try:
                    cel.evaluate(f"''.matches({text})")
                except _LIBRARY_ERRORS as error:
                    raise ExpressionInvalid(said(error)) from None


def _no_root(name: str, roots: frozenset[str]) -> str:
    if name in ITEM_ROOTS:
        return f"{name!r} can be read only in the params of a step with for_each"
    if name in ROOTS:
        return f"{name!r} cannot be read here; what can: {', '.join(sorted(roots))}"
    return f"there is nothing named {name!r}. {did_you_mean(name, roots)}".rstrip(".")


@lru_cache(maxsize=4096)
def _program(source: str) -> Any:
    try:
        return cel.compile(source)
    except _LIBRARY_ERRORS as error:
        lines = str(error).splitlines()
        reason = lines[0].partition("ERROR: ")[2] or lines[0]
        raise ExpressionInvalid(reason.removeprefix("<input>:").strip()) from None
