"""Versions and ranges of versions, as PEP 440 writes them."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from agents.errors import VersionInvalid


def checked(version: str, *, of: str) -> str:
    """A version in its normal form: ``1.0.0`` for ``v1.0.0``. Raises ``VersionInvalid``, naming what it is ``of``."""
    try:
        return str(Version(version))
    except (InvalidVersion, TypeError):
        raise VersionInvalid(
            f"{version!r} is not a version of {of}: write it as PEP 440 says, such as 1.2.0 or 2.0rc1."
        ) from None


@functools.lru_cache(maxsize=1024)
def range_of(specifiers: str) -> SpecifierSet:
    """A range such as ``>=1.2,<2``; the empty one holds every version. Raises ``VersionInvalid``."""
    try:
        return SpecifierSet(specifiers)
    except InvalidSpecifier:
        raise VersionInvalid(
            f"{specifiers!r} is not a range of versions: write it as PEP 440 says, such as >=1.2,<2."
        ) from None


def matching(versions: Iterable[str], specifiers: str) -> tuple[str, ...]:
    """Those of the versions that are in the range.

    A pre-release is in it only where the range is empty or names one, as in ``>=2.0rc1``: who asks for ``>=1`` has not
    asked for what is being tried out. Raises ``VersionInvalid`` for the range.
    """
    found = range_of(specifiers)
    if not specifiers.strip():
        return tuple(versions)
    early = any(Version(part.version.removesuffix(".*")).is_prerelease for part in found if part.operator != "===")
    return tuple(version for version in versions if found.contains(version, prereleases=early))
