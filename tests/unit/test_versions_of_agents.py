"""Versions of agents and ranges of them, as PEP 440 writes both."""

from __future__ import annotations

import pytest

from agents import terms, versions
from agents.errors import VersionInvalid
from agents.values import Location

THERE = ("1.0", "1.2.0", "1.9", "2.0rc1", "2.0", "3.0.dev1")


@pytest.mark.parametrize(
    ("specifiers", "expected"),
    [
        ("", THERE),
        ("  ", THERE),
        (">=1.2,<2", ("1.2.0", "1.9")),
        ("==1.*", ("1.0", "1.2.0", "1.9")),
        ("==1.2", ("1.2.0",)),
        ("~=1.2", ("1.2.0", "1.9")),
        (">=1.9", ("1.9", "2.0")),
        (">=2.0rc1", ("2.0rc1", "2.0", "3.0.dev1")),
        ("!=2.0", ("1.0", "1.2.0", "1.9")),
        (">=9", ()),
    ],
)
def test_a_range_holds_the_versions_that_it_says(specifiers: str, expected: tuple[str, ...]) -> None:
    assert versions.matching(THERE, specifiers) == expected


@pytest.mark.parametrize(("given", "normal"), [("v1.2", "1.2"), (" 1.0 ", "1.0"), ("1.0-RC1", "1.0rc1")])
def test_a_version_is_kept_in_its_normal_form(given: str, normal: str) -> None:
    assert versions.checked(given, of="an agent") == normal


@pytest.mark.parametrize("given", ["", "new", "1..2", "1.0 2.0", None])
def test_what_is_no_version_is_refused(given: str) -> None:
    with pytest.raises(VersionInvalid, match="of an agent"):
        versions.checked(given, of="an agent")


@pytest.mark.parametrize("given", ["1.2", "=>1", ">=new"])
def test_what_is_no_range_is_refused(given: str) -> None:
    with pytest.raises(VersionInvalid, match="range of versions"):
        versions.matching(THERE, given)


def test_what_an_agent_can_do_is_read_back_from_its_terms() -> None:
    can = {"phone.call": "1.2.0", "text/write": "2.0rc1"}

    found = terms.features(capabilities=can, tags=["can:x@1"], service_type="s", where=Location("eu", "a"), by="http")

    assert terms.capabilities_in(found) == can
    assert {"zone:eu/a", "region:eu", "type:s", "by:http", "tag:can:x@1", "can:phone.call@1.2.0"} <= set(found)
