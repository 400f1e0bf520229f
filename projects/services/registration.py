"""Registering blueprint versions: what a project points to, kept as it was given."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from agents.registry import load_agents
from projects.blueprints.catalogue import load_catalogue
from projects.blueprints.load import Loaded, load_file
from projects.blueprints.schema import Blueprint
from projects.blueprints.step_checks import unconditional_children
from projects.errors import BlueprintChanged, BlueprintEndless, BlueprintNotFound
from projects.models import BlueprintVersion


def register_blueprint(*, loaded: Loaded) -> BlueprintVersion:
    """The kept version of a loaded blueprint, written at the first call.

    Raises ``BlueprintChanged`` where that version is kept with another content: running projects stand on it; and
    ``BlueprintEndless`` where by what is registered now it would start itself again and again.
    """
    blueprint = loaded.blueprint
    _refuse_endless(blueprint)
    with transaction.atomic():
        version, _ = BlueprintVersion.objects.get_or_create(
            name=blueprint.name,
            version=blueprint.version,
            defaults={
                "title": blueprint.title,
                "digest": loaded.digest,
                "source": loaded.source,
                "definition": blueprint.model_dump(mode="json"),
            },
        )
    if version.digest != loaded.digest:
        raise BlueprintChanged(
            f"Blueprint {blueprint.name!r} version {blueprint.version} is registered with another content. "
            f"Write `version: {latest_version(blueprint.name) + 1}` into it and register it again: projects that run "
            "keep to the version they began with."
        )
    return version


def _refuse_endless(blueprint: Blueprint) -> None:
    """Refuse a circle of blueprints each of which starts the next whatever happens.

    The last of the circle to be registered closes it. What conditions end is not refused: the limit on depth is for
    those that never do.
    """
    way = _way_back(blueprint, blueprint, [blueprint.name], set())
    if way is not None:
        raise BlueprintEndless(
            f"{' starts '.join(way)}, and so on without end. Add `when` to one of the steps that start them."
        )


def _way_back(start: Blueprint, here: Blueprint, way: list[str], seen: set[str]) -> list[str] | None:
    """The way from ``here`` to ``start`` along children that are started whatever happens; None where there is none."""
    for name in unconditional_children(here):
        plain, _, version = name.partition("@")
        if plain == start.name and version in ("", str(start.version)):
            return [*way, name]
        if name in seen:
            continue
        seen.add(name)
        try:
            below = definition_of(find_registered(name))
        except BlueprintNotFound:
            continue
        if found := _way_back(start, below, [*way, name], seen):
            return found
    return None


def latest_version(name: str) -> int:
    """The highest registered version of a blueprint; 0 where there is none."""
    return BlueprintVersion.objects.filter(name=name).values_list("version", flat=True).first() or 0


def find_blueprint(name: str) -> BlueprintVersion:
    """The blueprint to start: a registered name, ``name@version``, one of the catalogue, or the path of a YAML file.

    Raises ``BlueprintNotFound``, with what there is, or ``BlueprintInvalid`` naming every mistake in the file.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise BlueprintNotFound(f"There is no blueprint file {name}.")
        load_agents()  # aggregations of one's own are known by then
        return register_blueprint(loaded=load_file(path))
    return find_registered(name)


def find_registered(name: str) -> BlueprintVersion:
    """The blueprint of a registered name, ``name@version``, or one of the catalogue; never a file.

    Raises ``BlueprintNotFound``, with what there is.
    """
    plain, _, wanted = name.partition("@")
    catalogue = load_catalogue()
    if plain in catalogue and not wanted:
        shipped = catalogue[plain]
        if shipped.blueprint.version >= latest_version(plain):
            return register_blueprint(loaded=shipped)
    registered = BlueprintVersion.objects.filter(name=plain)
    if wanted.isdigit():
        registered = registered.filter(version=int(wanted))
    version = registered.order_by("-version").first()
    if version is None:
        known = sorted({*catalogue, *BlueprintVersion.objects.values_list("name", flat=True)})
        raise BlueprintNotFound(f"There is no blueprint {name!r}. There are: {', '.join(known)}.")
    return version


def definition_of(version: BlueprintVersion) -> Blueprint:
    """The blueprint as it was understood when it was registered."""
    return Blueprint.model_validate(version.definition)
