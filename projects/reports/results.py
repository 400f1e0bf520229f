"""Results and states of a project's steps by key, of the latest round of each phase."""

from __future__ import annotations

from typing import Any

from projects.models import Project, Step
from projects.services import results


def latest(project: Project) -> tuple[dict[str, Any], dict[str, str]]:
    """Results by step key, and states by step key.

    Of a ``for_each`` step the result is the list of its items' results, ``None`` for an item that has none
    yet. A step without a result is not among the results, and neither is one that rework is to do again.
    """
    rows = list(
        Step.objects.filter(project=project, parent=None)
        .order_by("round", "phase__position", "position")
        .values("id", "key", "state", "result", "result_blob_id", "spec")
    )
    newest = {row["key"]: row for row in rows}
    lists = _lists(project, [row["id"] for row in newest.values() if (row["spec"] or {}).get("for_each")])
    own = dict(zip(newest, results.of_rows(list(newest.values())), strict=True))
    found: dict[str, Any] = {}
    for key, row in newest.items():
        result = lists.get(row["id"], own[key])
        if result is not None:
            found[key] = result
    return found, {key: row["state"] for key, row in newest.items()}


def _lists(project: Project, parents: list[Any]) -> dict[Any, list[Any]]:
    items = Step.objects.filter(project=project, parent_id__in=parents).order_by("parent_id", "position")
    lists: dict[Any, list[Any]] = {}
    rows = list(items.values("parent_id", "result", "result_blob_id"))
    for row, result in zip(rows, results.of_rows(rows), strict=True):
        lists.setdefault(row["parent_id"], []).append(result)
    return lists
