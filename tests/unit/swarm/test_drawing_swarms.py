"""Pictures of swarms: well-formed, by themselves, told in words, quiet for who wants that, and not too large."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from agents.swarm import runs
from agents.swarm.drawing.svg import Raw, element, heat, number
from tests.pages.chromium import PROGRAM, chromium

NS = "{http://www.w3.org/2000/svg}"
PICTURED = [*runs.KNOWN]


def picture(name: str, *, still: bool = False, **more: Any) -> str:
    return runs.run_of(name, **{"agents": 40, "steps": 30, "seed": 1} | more).picture(still=still)


@pytest.mark.parametrize("name", PICTURED)
@pytest.mark.parametrize("still", [False, True])
def test_a_picture_is_well_formed_and_needs_nothing_else(name: str, still: bool) -> None:
    drawn = picture(name, still=still)
    root = ElementTree.fromstring(drawn)  # noqa: S314 written by ourselves

    assert root.tag == f"{NS}svg"
    assert "<script" not in drawn
    addresses = [value for one in root.iter() for key, value in one.attrib.items() if key.endswith("href")]
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "url(http" not in drawn
    assert "nan" not in re.sub(r"base64,[^\"]*", "", drawn)


@pytest.mark.parametrize("name", PICTURED)
def test_a_picture_says_in_words_what_there_is_to_see(name: str) -> None:
    root = ElementTree.fromstring(picture(name))  # noqa: S314

    assert root.attrib["role"] == "img"
    named = {root.find(f"{NS}{tag}").attrib["id"]: root.find(f"{NS}{tag}").text for tag in ("title", "desc")}  # type: ignore[union-attr]
    assert root.attrib["aria-labelledby"].split() == list(named)
    assert all(named.values())


@pytest.mark.parametrize("name", PICTURED)
def test_who_wants_no_motion_sees_the_end_standing(name: str) -> None:
    root = ElementTree.fromstring(picture(name))  # noqa: S314
    groups = {one.attrib.get("class"): one for one in root.iter(f"{NS}g")}

    assert "prefers-reduced-motion:reduce" in root.find(f"{NS}style").text  # type: ignore[union-attr, operator]
    assert not [one for one in groups["still"].iter() if one.tag.startswith(f"{NS}animate")]
    moving = {id(one) for one in root.iter() if "moving" in one.attrib.get("class", "") for one in one.iter()}
    animated = [one for one in root.iter() if one.tag.startswith(f"{NS}animate")]
    assert animated
    assert all(id(one) in moving for one in animated)


@pytest.mark.parametrize("name", PICTURED)
def test_a_picture_that_stands_moves_nothing(name: str) -> None:
    assert "<animate" not in picture(name, still=True)


@pytest.mark.parametrize("name", PICTURED)
def test_times_run_from_beginning_to_end_with_a_value_each(name: str) -> None:
    root = ElementTree.fromstring(picture(name))  # noqa: S314
    for one in root.iter():
        if one.tag.startswith(f"{NS}animate"):
            times = [float(time) for time in one.attrib["keyTimes"].split(";")]
            assert len(times) == len(one.attrib["values"].split(";"))
            assert times == sorted(times)
            assert times[0] == 0
            assert times[-1] == 1 or one.attrib["calcMode"] == "discrete"


def test_a_picture_of_very_many_shows_some_of_them_and_all_queens() -> None:
    drawn = picture("flocking", agents=2_000, steps=200)

    assert len(drawn) < 1_500_000
    assert 0 < drawn.count('class="queen"') <= 2 * 4 + 1


def test_what_is_written_is_escaped() -> None:
    assert (
        element("text", "<&>", Raw("<tspan/>"), title='"<').text == "<text title='\"&lt;'>&lt;&amp;&gt;<tspan/></text>"
    )


@pytest.mark.parametrize(
    ("value", "written"), [(1.0, "1"), (0.5, "0.5"), (-0.001, "0"), (100.0, "100"), (1 / 3, "0.33"), (-2.5, "-2.5")]
)
def test_numbers_are_as_short_as_they_can_be(value: float, written: str) -> None:
    assert number(value) == written


def test_a_field_is_a_png_of_its_shape_and_strength() -> None:
    address = heat(np.array([[0.0, 1.0, 9.0]]), (1, 2, 3), most=1.0)
    data = base64.b64decode(address.split(",")[1])

    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (3, 1)
    length = struct.unpack(">I", data[33:37])[0]
    assert zlib.decompress(data[41 : 41 + length]) == bytes([0, 1, 2, 3, 0, 1, 2, 3, 230, 1, 2, 3, 230])


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
def test_a_browser_shows_it_without_complaint(tmp_path: Path) -> None:
    for name in ("foraging", "particle_swarm"):
        (tmp_path / f"{name}.svg").write_text(picture(name), encoding="utf-8")
    with chromium(tmp_path / "profile") as browser:
        for name in ("foraging", "particle_swarm"):
            for motion, seen in (("no-preference", ".moving"), ("reduce", ".still")):
                features = [{"name": "prefers-reduced-motion", "value": motion}]
                browser.call("Emulation.setEmulatedMedia", features=features)
                browser.go(f"file://{tmp_path}/{name}.svg")
                groups = "[...document.querySelectorAll('g.moving, g.still')]"
                shown = f"{groups}.filter(group => getComputedStyle(group).display != 'none')"
                assert browser.run(f"{shown}.every(group => group.matches('g{seen}')) && {shown}.length == 1")
                assert browser.run("document.querySelector('g > g').getBBox().width > 0")
        assert browser.complaints == []
