"""What is wrong before the content is looked at: each mistake with its line, its column and what to do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from projects.blueprints.errors import BlueprintInvalid
from projects.blueprints.load import load_file
from tests.unit.blueprints.documents import problems_of

MISTAKES = [
    ("", "file.yaml:1:1: the blueprint is empty. Begin with `name:`"),
    ("# nothing\n", "file.yaml:1:1: the blueprint is empty."),
    ("- name\n", "file.yaml:1:1: a blueprint is an object, and this is a list."),
    ("just words\n", "file.yaml:1:1: a blueprint is an object, and this is text."),
    ("name: a\nname: b\n", "file.yaml:2:1: the key 'name' is here a second time. The first one is in line 1."),
    ("1: a\n", 'file.yaml:1:1: a key is text, and 1 is not. Write "1": with quotes.'),
    ("true: a\n", "file.yaml:1:1: a key is text, and True is not."),
    ("? [a]\n: b\n", "file.yaml:1:3: a key is text, and this is a list or an object."),
    ("name:\n\tkey: b\n", "file.yaml:2:1: a tab stands where YAML wants spaces. Indent with spaces."),
    ("name: a\n---\nname: b\n", "file.yaml:2:1: a second YAML document begins here. Write one blueprint a file"),
    ("name: !!python/object:os.system x\n", "file.yaml:1:7: the YAML tag !!python/object:os.system is not allowed."),
    ("name: !mine x\n", "file.yaml:1:7: the YAML tag !mine is not allowed."),
    ("name: *other\n", "file.yaml:1:7: the alias *other stands for nothing before it."),
    ("name: &a [*a]\n", "file.yaml:1:11: the alias *a stands for nothing before it."),
    ("base: &b {a: 1}\nname:\n  <<: *b\n", "file.yaml:3:3: merge keys (<<) are not part of the language."),
    ("name: a: b\n", "file.yaml:1:8: this is no YAML: mapping values are not allowed"),
    ("name: 'a\n", "this is no YAML: while scanning a quoted scalar"),
    ("name: [a\n", "this is no YAML: while parsing a flow sequence"),
    ("name: a\ntitle: \x00\n", "file.yaml:2:8: the character U+0000 cannot stand in YAML."),
    ("name: \ud800\n", "file.yaml:1:7: the character U+D800 cannot stand in YAML."),
    ("name: " + "[" * 50 + "]" * 50, "file.yaml:1:46: values are nested more than 40 deep."),
    ("name: " + "[" * 200_000, "values are nested more than 40 deep."),
    ("- " * 100_000, "values are nested more than 40 deep."),
    ("name: " + "x" * 300_000, "file.yaml:1:1: the blueprint has 300006 bytes, and at most 262144 are read."),
    ("name: [" + "a, " * 60_000 + "]", "the blueprint has more than 50000 values or 40 levels"),
]


@pytest.mark.parametrize(("source", "expected"), MISTAKES, ids=[said.partition(": ")[2][:50] for _, said in MISTAKES])
def test_a_mistake_in_the_yaml_is_told_with_its_place(source: str, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(source)), problems_of(source)


def test_aliases_that_multiply_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    problems = problems_of("\n".join(lines))
    assert "more than 50000 values" in problems[0]
    assert time.monotonic() - began < 5


def test_every_mistake_in_the_yaml_is_told_at_once() -> None:
    problems = problems_of("name: a\nname: b\n3: c\ntitle: !!set x\n")
    assert [problem.split(": ")[0] for problem in problems] == ["file.yaml:2:1", "file.yaml:3:1", "file.yaml:4:8"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("2026-01-31", "2026-01-31"),
        ("1:30", "1:30"),
        ("010", 10),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("~", None),
        ("null", None),
        ("True", True),
        ("'true'", "true"),
        (".inf", ".inf"),
        (".", "."),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    from projects.blueprints.yaml_tree import read_tree

    value = read_tree(f"a: {written}", "file.yaml").value["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_a_file_that_is_not_utf_8_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: a\ntitle: caf\xe9\n")
    with pytest.raises(BlueprintInvalid, match=r"latin.yaml:2:11: the file is not UTF-8"):
        load_file(path)


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BlueprintInvalid, match=r"none.yaml: the file cannot be read: No such file"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(BlueprintInvalid, match="cannot be read"):
        load_file(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: 3\n")
    with pytest.raises(BlueprintInvalid, match=r"bom.yaml:1:7: name: text is needed here"):
        load_file(path)
