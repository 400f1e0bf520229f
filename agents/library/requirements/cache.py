"""Documents opened by this process: each is read and parsed once, however many steps work on it.

Steps of one project come to the same worker by the dozen, and each names its document by digest; a few
documents are kept.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import replace

from agents.definition import DocumentHandle
from agents.errors import PermanentFailure
from agents.library.requirements.opened import OpenDocument, open_document
from agents.library.requirements.reading import read_document

_MOST_DOCUMENTS = 4

_kept: OrderedDict[tuple[str, str, str, str], OpenDocument] = OrderedDict()
_lock = threading.Lock()


def opened(handle: DocumentHandle, number: int, language: str = "auto") -> OpenDocument:
    """The document behind ``handle``, read and ready for analysis.

    Raises the reading errors of ``agents.library.requirements.reading`` where it cannot be read, and
    ``PermanentFailure`` where its content is no longer what its digest says.
    """
    key = (handle.sha256, handle.name, handle.media_type, language)
    with _lock:
        document = _kept.get(key)
        if document is not None:
            _kept.move_to_end(key)
    if document is None:
        document = _read(handle, number, language)
        _keep(key, document)
    return replace(document, id=handle.id, number=number)


def _read(handle: DocumentHandle, number: int, language: str) -> OpenDocument:
    content = handle.read()
    if hashlib.sha256(content).hexdigest() != handle.sha256:
        raise PermanentFailure(f"The content of {handle.name} has changed since the project was made.")
    text = read_document(content, name=handle.name, media_type=handle.media_type)
    return open_document(text, document_id=handle.id, sha256=handle.sha256, number=number, language=language)


def _keep(key: tuple[str, str, str, str], document: OpenDocument) -> None:
    with _lock:
        _kept[key] = document
        while len(_kept) > _MOST_DOCUMENTS:
            _kept.popitem(last=False)
