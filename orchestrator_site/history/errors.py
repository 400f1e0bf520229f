"""What can go wrong with history."""

from __future__ import annotations

from orchestrator_site.errors import InvalidInput, NotFound, Refused


class EventNotStorable(InvalidInput):
    """The event cannot be kept as it is."""

    code = "event_not_storable"


class StreamNotFound(NotFound):
    """There is no history of that id."""

    code = "history_not_found"


class StreamAmbiguous(InvalidInput):
    """The digits fit more than one history."""

    code = "history_ambiguous"


class ExportUnreadable(InvalidInput):
    """The file is no export of a history."""

    code = "export_unreadable"


class NotArchivable(Refused):
    """The history cannot be archived as it is."""

    code = "history_not_archivable"
