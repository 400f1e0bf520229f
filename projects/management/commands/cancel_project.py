"""``cancel_project``: end a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.commanding.people import actor_named
from projects.management.finding import project_of
from projects.management.previewing import add_confirmation, can_ask, confirmed, many_preview_lines, preview_lines
from projects.management.steering import SteeringCommand, check_selection
from projects.services import many, many_previews, previews
from projects.services.many_previews import ManyPreview
from projects.services.previews import Preview

_SAY_SO = (
    "--all ends every project that it fits: say --yes, or --digest DIGEST of a preview that you have looked at "
    "(--preview shows which they are)."
)


class Command(SteeringCommand):
    """Cancel projects."""

    verb = "cancel"
    help = "End projects and those below them: nothing starts any more, and each is over once what runs has ended."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="refuse the results of running steps")
        parser.add_argument("--cleanup", action="store_true", help="also remove its knowledge graph")
        add_confirmation(parser)

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Only show it, or have it confirmed, and do it."""
        check_selection(options)
        actor = actor_named(options["user"])
        if options["preview"]:
            self._show(self._previewed(options, actor), as_json=options["json"])
        elif can_ask(options):
            self._ask(self._previewed(options, actor), options)
        elif options["all"] and not (options["yes"] or options["digest"]):
            raise Usage(_SAY_SO)
        else:
            super().handle(*arguments, **options)

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What it asks beside the reason."""
        several = options["all"] or len(options["id"]) > 1
        seen = {} if several else {"preview_digest": options["digest"]}
        return {"force": options["force"], "cleanup": options["cleanup"], **seen}

    def _previewed(self, options: Mapping[str, Any], actor: Actor) -> Preview | ManyPreview:
        if not options["all"] and len(options["id"]) == 1:
            return previews.preview_cancel(project_id=project_of(options["id"][0], actor).pk, actor=actor)
        return many_previews.preview_cancel(actor=actor, **_which(options, actor))

    def _show(self, preview: Preview | ManyPreview, *, as_json: bool) -> None:
        if as_json:
            self.write_json({"preview": preview.to_json()})
        else:
            self.stdout.write("\n".join(_lines(preview)))

    def _ask(self, preview: Preview | ManyPreview, options: Mapping[str, Any]) -> None:
        """Of all there are, their number is to be typed: a habit of saying yes ends no other's work."""
        if isinstance(preview, ManyPreview) and not preview.projects:
            self.stdout.write("There is none.")
            return
        word = str(len(preview.projects)) if isinstance(preview, ManyPreview) and options["all"] else ""
        if not confirmed(self, _lines(preview), options, word):
            self.note("Nothing was cancelled.")
            return
        super().handle(**{**options, "digest": preview.digest})

    def _several(self, options: Mapping[str, Any], wish: Mapping[str, Any]) -> many.Batch:
        if options["digest"] is None:
            return super()._several(options, wish)
        return self._seen(options, wish)

    def _all(self, options: Mapping[str, Any], wish: Mapping[str, Any]) -> many.Batch:
        return super()._all(options, wish) if options["digest"] is None else self._seen(options, wish)

    def _seen(self, options: Mapping[str, Any], wish: Mapping[str, Any]) -> many.Batch:
        return many_previews.cancel_seen(digest=options["digest"], **_which(options, wish["actor"]), **wish)


def _which(options: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    if options["all"]:
        return {"blueprint": options["blueprint"], "owner": options["owner"]}
    return {"ids": [project_of(text, actor).pk for text in options["id"]]}


def _lines(preview: Preview | ManyPreview) -> list[str]:
    return preview_lines(preview) if isinstance(preview, Preview) else many_preview_lines(preview)
