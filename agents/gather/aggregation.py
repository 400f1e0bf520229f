"""What an aggregation is: one way to make one answer of many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from agents.errors import AnswersUnusable
from agents.gather.values import Answered, Combined
from orchestrator_site.errors import InvalidInput

Options = Mapping[str, Any]


class Aggregation(ABC):
    """One way to make one answer of many. It keeps nothing: one instance serves a process."""

    name: ClassVar[str]
    options: ClassVar[frozenset[str] | None] = frozenset()
    """The names of its options; None where any are taken."""

    def quorum(self, asked: int) -> int:
        """How many answers it needs where nobody says: all."""
        return asked

    def settled(self, answers: Sequence[Answered], pending: int, options: Options) -> bool:
        """Whether a quorum that has answered is enough to stop, with so many who have not answered."""
        return True

    def check(self, options: Options) -> None:
        """Refuse options that it could not go by. Raises ``InvalidInput``."""
        unknown = set() if self.options is None else set(options) - self.options
        if unknown:
            takes = ", ".join(sorted(self.options or ())) or "none"
            raise InvalidInput(
                f"{self.name!r} takes no option {', '.join(map(repr, sorted(unknown)))}; it takes {takes}."
            )

    @abstractmethod
    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """One value of at least one answer. They come in the order in which the agents were asked, so that the
        order in which they arrived makes no difference. Raises ``AnswersUnusable``."""


CustomFunction = Callable[[Sequence[Answered], Options], Any]


class Custom(Aggregation):
    """An aggregation that somebody wrote as a function."""

    options = None

    def __init__(self, name: str, function: CustomFunction) -> None:
        self.name = name  # type: ignore[misc]
        self._function = function

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """What the function returns: a value, or a ``Combined`` with notes."""
        try:
            found = self._function(answers, options)
        except AnswersUnusable:
            raise
        except Exception as error:
            raise AnswersUnusable(f"The aggregation {self.name!r} broke: {type(error).__name__}: {error}") from error
        return found if isinstance(found, Combined) else Combined(found)
