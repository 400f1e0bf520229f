"""The API in a browser: forms by hand beside the text of the body."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView


class Browsable(BrowsableAPIRenderer):
    """DRF's pages; the text of a body is that of programs, though the form may have fields of its own."""

    def get_raw_data_form(self, data: Any, view: APIView, method: str, request: Request) -> Any:
        """The form with one field for the whole body."""
        view.as_text = True  # type: ignore[attr-defined]
        try:
            return super().get_raw_data_form(data, view, method, request)
        finally:
            view.as_text = False  # type: ignore[attr-defined]


def renderers() -> list[type[BaseRenderer]]:
    """Those of the settings, with our pages in place of DRF's: production may leave them out."""
    chosen: list[Any] = list(api_settings.DEFAULT_RENDERER_CLASSES)
    return [Browsable if renderer is BrowsableAPIRenderer else renderer for renderer in chosen]
