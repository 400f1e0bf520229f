"""From the body of a new project to what the service takes: fields, and documents in any of three ways."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.request import Request

from orchestrator_site.api.errors import BodyTooLarge, FieldsInvalid
from orchestrator_site.api.fields import checked
from orchestrator_site.api.parsing import FORM_EXTRAS, check_storable, loads
from orchestrator_site.conf import conf
from projects.api.serializers.projects import ProjectGivenSerializer
from projects.errors import DocumentRefused
from projects.services import intake

FILES = "document"
WHOLE = "project"
_MANY = frozenset({"after"})
_TOTAL = 4  # documents of one request hold at most so many times what one may hold


@dataclass(frozen=True, slots=True)
class ProjectGiven:
    """A new project as asked for: checked fields, and documents with their content."""

    fields: dict[str, Any]
    documents: tuple[intake.Given, ...]


def project_given(request: Request) -> ProjectGiven:
    """Read the body, JSON or a form. Raises ``FieldsInvalid``, ``BodyTooLarge``, ``DocumentRefused``."""
    data, files = _fields_and_files(request)
    fields = checked(ProjectGivenSerializer, data)
    named = [_named(index, given) for index, given in enumerate(fields.pop("documents", ()))]
    return ProjectGiven(fields, (*named, *_uploaded(files)))


def _fields_and_files(request: Request) -> tuple[Any, list[UploadedFile[Any]]]:
    data = request.data
    if not isinstance(data, QueryDict):
        return data, []
    files = {name: request.FILES.getlist(name) for name in request.FILES}
    stray = sorted(set(files) - {FILES})
    if stray:
        raise _wrong(stray[0], f"Files are to be sent in fields called `{FILES}`.")
    fields: dict[str, Any] = {}
    for name, values in data.lists():
        if name in FORM_EXTRAS or name in files:
            continue
        if name == WHOLE:
            fields |= _whole(str(values[-1]))
        elif any(values):  # an empty field of a form is none
            fields[name] = [value for value in values if value] if name in _MANY else values[-1]
    return fields, files.get(FILES, [])


def _whole(text: str) -> Mapping[str, Any]:
    value = loads(text)
    if not isinstance(value, dict):
        raise _wrong(WHOLE, "Give a JSON object.")
    return value


def _named(index: int, given: Mapping[str, str]) -> intake.Given:
    if "path" in given:
        return _from_folder(given["path"])
    try:
        content = base64.b64decode("".join(given["content_base64"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(f"documents[{index}].content_base64", "This is no base64.") from None
    return intake.Given(given["name"], content)


def _from_folder(path: str) -> intake.Given:
    """A file of the folder that an operator has opened for this; the folder's own place is not told."""
    folder = conf().document_dir
    if folder is None:
        raise DocumentRefused(
            "This server takes no documents by path: send the content, or have PHASEGATE_DOCUMENT_DIR set."
        )
    check_storable(path)
    try:
        return intake.from_path(folder / path, within=folder)
    except DocumentRefused as error:
        raise DocumentRefused(str(error).replace(f"{folder}/", "").replace(str(folder), "The folder")) from None
    except OSError as error:
        raise DocumentRefused(f"{path!r} cannot be read: {error.strerror}.") from None


def _uploaded(files: Iterable[UploadedFile[Any]]) -> Iterable[intake.Given]:
    room = conf().document_max_bytes * _TOTAL
    for file in files:
        room -= file.size or 0
        if room < 0:
            raise BodyTooLarge(f"The documents have more than {conf().document_max_bytes * _TOTAL:,} bytes together.")
        yield intake.Given(file.name or "", file.read())


def _wrong(field: str, message: str) -> FieldsInvalid:
    return FieldsInvalid(f"{field}: {message}", errors=[{"field": field, "message": message}])
