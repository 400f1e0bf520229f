"""What can be wrong with a blueprint, its inputs, or an expression."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_site.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, with its place and what to do."""

    origin: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.origin}:{self.line}:{self.column}: {self.path}: {self.message}{f' {self.hint}' if self.hint else ''}"


class BlueprintInvalid(InvalidInput):
    """The blueprint has mistakes."""

    code = "blueprint_invalid"


class InputsInvalid(InvalidInput):
    """The inputs do not fit the blueprint."""

    code = "inputs_invalid"


class FormInvalid(InvalidInput):
    """The form's content does not fit its schema."""

    code = "form_invalid"


class ExpressionFailed(InvalidInput):
    """The expression could not be evaluated."""

    code = "expression_failed"
