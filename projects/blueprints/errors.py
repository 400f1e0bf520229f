"""What can be wrong with a blueprint, with an expression, and with what a person gives to a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator_site.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is (line and column from 1, 0 where there is none), what it is, and what to do."""

    origin: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.origin}:{self.line}:{self.column}" if self.line else self.origin
        where = f"{self.path}: " if self.path else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}: {where}{self.message}.{hint}" if place else f"{where}{self.message}.{hint}"


class _WithProblems(InvalidInput):
    """What was given is not valid."""

    code = "invalid_input"

    def __init__(
        self,
        message: str | None = None,
        *,
        problems: Iterable[Problem | Mapping[str, Any]] = (),
        **details: Any,
    ) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            problem if isinstance(problem, Problem) else Problem(**problem) for problem in problems
        )
        # Kept as plain values too: details go into problem documents and through pickle.
        if self.problems:
            details["problems"] = [asdict(problem) for problem in self.problems]
        text = message or "\n".join(str(problem) for problem in self.problems) or None
        super().__init__(text, **details)


class BlueprintInvalid(_WithProblems):
    """The blueprint has mistakes."""

    code = "blueprint_invalid"


class StepInvalid(_WithProblems):
    """The step has mistakes."""

    code = "step_invalid"


class InputsInvalid(_WithProblems):
    """The inputs do not fit the blueprint."""

    code = "inputs_invalid"


class FormInvalid(_WithProblems):
    """The content does not fit the approval's form."""

    code = "form_invalid"


class ExpressionInvalid(InvalidInput):
    """The expression cannot be understood."""

    code = "expression_invalid"


class ExpressionFailed(InvalidInput):
    """The expression gave no usable value."""

    code = "expression_failed"
