"""Best: the answer with the highest score, or the lowest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agents.errors import AnswersUnusable
from agents.gather.aggregation import Aggregation, Options
from agents.gather.values import Answered, Combined, is_number
from orchestrator_site.errors import InvalidInput


class Best(Aggregation):
    """The answer of the best score.

    Options: ``by``, a path such as ``quality.score`` or ``offers.0.price``, or a function of the value (default
    ``score``); ``order``, ``max`` (the default) or ``min``. An answer without a number there takes no part, and the
    notes say so. Of equals the one that was asked first.
    """

    name = "best"
    options = frozenset({"by", "order"})

    def check(self, options: Options) -> None:
        """``by`` is a path or can be called; ``order`` is max or min."""
        super().check(options)
        if not isinstance(options.get("by", ""), str) and not callable(options["by"]):
            raise InvalidInput("The option 'by' of the aggregation 'best' is a path, such as 'quality.score'.")
        if options.get("order", "max") not in ("max", "min"):
            raise InvalidInput(f"The option 'order' of the aggregation 'best' is max or min, not {options['order']!r}.")

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """The best, with everybody's score."""
        by, sign = options.get("by", "score"), -1 if options.get("order") == "min" else 1
        scored = [(answer, _score(answer.value, by)) for answer in answers]
        able = [(answer, score) for answer, score in scored if score is not None]
        unable = [answer.name for answer, score in scored if score is None]
        if not able:
            raise AnswersUnusable(
                f"No answer has a number at {by!r}." if isinstance(by, str) else "No answer has a score."
            )
        best, score = max(able, key=lambda pair: sign * pair[1])
        notes = [f"best: {best.name} with {score:g}"]
        equal = [answer.name for answer, other in able if other == score and answer is not best]
        if equal:
            notes.append(f"as good: {', '.join(equal)}; it was asked before them")
        if unable:
            notes.append(f"without a score: {', '.join(unable)}")
        scores = {answer.name: score for answer, score in scored}
        return Combined(best.value, tuple(notes), {"agent": best.name, "scores": scores})


def _score(value: Any, by: Any) -> float | None:
    """A finite number, or None where there is none."""
    try:
        found = by(value) if callable(by) else at_path(value, by)
        return found if is_number(found) and math.isfinite(found) else None
    except Exception:  # a value that the function does not foresee has no score; that is not the others' fault
        return None


def at_path(value: Any, path: str) -> Any:
    """What stands at a path of keys and places. Raises ``LookupError``, ``TypeError`` or ``ValueError``."""
    for part in path.split(".") if path else []:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
