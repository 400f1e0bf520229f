"""The blueprints that come with the product."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from projects.blueprints.load import Loaded, load_file

FOLDER = Path(__file__).with_name("catalogue")


def catalogue_paths() -> tuple[Path, ...]:
    """The files of the catalogue, by name."""
    return tuple(sorted(FOLDER.glob("*.yaml")))


def load_catalogue() -> dict[str, Loaded]:
    """Every blueprint of the catalogue by its name. Raises ``BlueprintInvalid`` where one has mistakes."""
    stamps = tuple((path, path.stat().st_mtime_ns) for path in catalogue_paths())
    return dict(_load(stamps))


@lru_cache(maxsize=4)
def _load(stamps: tuple[tuple[Path, int], ...]) -> tuple[tuple[str, Loaded], ...]:
    loaded = (load_file(path, origin=f"catalogue/{path.name}") for path, _ in stamps)
    return tuple((each.blueprint.name, each) for each in loaded)
