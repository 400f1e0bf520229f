"""Why a document could not be read, each with what its owner can do about it."""

from __future__ import annotations

from orchestrator_site.errors import InvalidInput


class DocumentUnreadable(InvalidInput):
    """The document cannot be read."""

    code = "document_unreadable"


class EmptyDocument(DocumentUnreadable):
    """The document holds no text."""

    code = "document_empty"


class BrokenDocument(DocumentUnreadable):
    """The document is damaged."""

    code = "document_broken"


class EncryptedDocument(DocumentUnreadable):
    """The document is protected by a password."""

    code = "document_encrypted"


class UnsupportedDocument(DocumentUnreadable):
    """The document's format is not supported."""

    code = "document_unsupported"


class DocumentTooLarge(DocumentUnreadable):
    """The document is too large."""

    code = "document_too_large"
    http_status = 413
