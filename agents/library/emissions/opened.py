"""Tables and factors as agents open them: each document once a process, however many chunks it has."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from agents.definition import DocumentHandle
from agents.errors import PermanentFailure
from agents.library.emissions.errors import FactorsUnusable, TableUnusable
from agents.library.emissions.factors import FactorTable, built_in, read_factors, with_own
from agents.library.emissions.reading import Table, open_table

_MOST = 2
_kept: OrderedDict[tuple[str, str, str], Table] = OrderedDict()
_lock = threading.Lock()


def table_of(handle: DocumentHandle, decimal: str) -> Table:
    """The table in a document. Raises ``TableUnusable``, and ``PermanentFailure`` where the content has changed."""
    key = (handle.sha256, handle.name, decimal)
    with _lock:  # one process may calculate in several threads: they share what is open
        table = _kept.get(key)
        if table is None:
            table = _kept[key] = open_table(_content(handle), handle.name, decimal=decimal)
            while len(_kept) > _MOST:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
    return table


def factors_of(documents: Sequence[DocumentHandle], inputs: Mapping[str, Any]) -> FactorTable:
    """The factors of a project: the built-in ones, or those of the document that its inputs name, or both.

    Raises ``FactorsUnusable``.
    """
    name = str(inputs.get("factors_document") or "")
    if not name:
        return built_in()
    handle = next((each for each in documents if each.name == name), None)
    if handle is None:
        given = ", ".join(repr(each.name) for each in documents)
        raise FactorsUnusable(f"No document is called {name!r}, which factors_document names. There are: {given}.")
    return with_own(read_factors(_content(handle), name), replace=bool(inputs.get("factors_replace", False)))


def tables_of(documents: Sequence[DocumentHandle], inputs: Mapping[str, Any]) -> dict[int, tuple[str, Table]]:
    """The tables of suppliers by the number of their document: all but the one that holds factors."""
    factors, decimal = str(inputs.get("factors_document") or ""), str(inputs.get("decimal", "auto"))
    found = {
        number: (handle.name, table_of(handle, decimal))
        for number, handle in enumerate(documents)
        if handle.name != factors
    }
    if not found:
        raise TableUnusable("No document holds suppliers: give a CSV or Parquet file beside the factors.")
    return found


def _content(handle: DocumentHandle) -> bytes:
    content = handle.read()
    if hashlib.sha256(content).hexdigest() != handle.sha256:
        raise PermanentFailure(f"The content of {handle.name} has changed since the project was made.")
    return content
