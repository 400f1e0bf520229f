"""The commands about agents: listing, registering, draining, deregistering."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from agents import transports
from agents.errors import AgentInvalid, AgentNotRegistered, AgentNotYours, AgentStateRefused, VersionInvalid
from agents.models import Agent
from agents.services import heartbeats
from agents.shared_state import client as redis
from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.commanding.output import Usage
from orchestrator_site.errors import PhasegateError
from tests.builders import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing in Redis, and no transport that looks for the addresses of these agents."""
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)
    _empty()
    yield
    _empty()


def _empty() -> None:
    if keys := list(redis().scan_iter("phasegate:agents:*", count=1000)):
        redis().delete(*keys)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def register(name: str, *more: str) -> Any:
    return run_json("register_agent", name, "--transport", "http", "--url", f"https://{name}.example/run", *more)


def names(*arguments: str) -> list[str]:
    return [agent["name"] for agent in run_json("agents", *arguments)["agents"]]


def status_of(*arguments: str) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(PhasegateError) as told:
        run(*arguments)
    return told.value.exit_status


# --- registering


def test_an_agent_is_registered_with_all_that_can_be_said_of_it() -> None:
    told = register(
        "pricing", "--capability", "pricing.quote:1.2", "--capability", "pricing.history", "--tag", "steel",
        "--tag", "eu", "--region", "eu", "--zone", "a", "--at=-33.9,18.4", "--version", "2.0", "--max-concurrency", "3",
        "--cost", "0.5", "--setting", "secret=env:PRICING", "--setting", "limit=3", "--description", "Quotes.",
    )  # fmt: skip

    agent = told["agent"]
    assert told["outcome"] == "created"
    assert agent["capabilities"] == {"pricing.quote": "1.2", "pricing.history": "1.0.0"}
    assert agent["location"] == {"region": "eu", "zone": "a", "latitude": -33.9, "longitude": 18.4}
    assert (agent["version"], agent["max_concurrency"], agent["cost_per_call"]) == ("2.0", 3, 0.5)
    assert agent["settings"] == {"url": "https://pricing.example/run", "secret": "***", "limit": 3}
    assert Agent.objects.get().settings["secret"] == "env:PRICING"
    assert agent["owner"] is None


def test_the_same_again_says_so() -> None:
    register("pricing")

    assert register("pricing")["outcome"] == "unchanged"
    text = run("register_agent", "pricing", "--transport", "http", "--url", "https://pricing.example/2")
    assert text.startswith("Changed: pricing 1.0.0 (http, starting): no capability.")


def test_the_address_of_a_language_model_is_its_base() -> None:
    run("register_agent", "small", "--transport", "llm", "--url", "https://llm.example/v1", "--setting", "model=small")

    assert Agent.objects.get().settings == {"base_url": "https://llm.example/v1", "model": "small"}


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (("a b",), AgentInvalid, "'a b' cannot be the name"),
        (("a", "--capability", ":1"), Usage, "--capability :1"),
        (("a", "--capability", "x", "--capability", "x:2"), Usage, "given twice"),
        (("a", "--capability", "x:new"), VersionInvalid, "'new' is not a version"),
        (("a", "--at", "here"), Usage, "--at=-33.9,18.4"),
        (("a", "--at", "95,0"), Usage, "--at 95,0"),
        (("a", "--setting", "secret"), Usage, "name=value"),
        (("a", "--setting", "url=x"), Usage, "give one of the two"),
        (("a", "--weight", "-1"), AgentInvalid, "weight is -1"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_words(
    arguments: tuple[str, ...], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        run("register_agent", *arguments, "--transport", "http", "--url", "https://a.example")
    assert not Agent.objects.exists()


def test_an_agent_of_somebody_is_theirs() -> None:
    person("robot", groups=["agent"])
    person("other", groups=["agent"])
    person("vera", groups=["viewer"])

    assert register("pricing", "--user", "robot")["agent"]["owner"] == "robot"
    with pytest.raises(AgentNotYours):
        run("deregister_agent", "pricing", "--user", "other")
    with pytest.raises(CapabilityMissing):
        run("drain_agent", "pricing", "--user", "vera")
    run("deregister_agent", "pricing", "--user", "robot")
    assert Agent.objects.get().state == "gone"


# --- listing


def test_agents_are_listed_by_what_they_can_do_and_where_they_are() -> None:
    register("old", "--capability", "quote:1.0", "--tag", "eu", "--at", "52.5,13.4")
    register("new", "--capability", "quote:2.0", "--tag", "eu", "--tag", "fast", "--at", "48.1,11.6")
    register("else", "--capability", "write", "--region", "us")

    assert set(names()) == {"old", "new", "else"}
    assert names("--capability", "quote", "--version", ">=2") == ["new"]
    assert names("--tag", "eu", "--tag", "fast") == ["new"]
    assert names("--near", "48,11", "--capability", "quote") == ["new", "old"]
    assert names("--near=52,13", "--capability", "quote") == ["old", "new"]
    assert names("--region", "us")[0] == "else"
    assert len(names("--limit", "2")) == 2
    assert names("--state", "healthy") == []


def test_those_that_are_gone_are_listed_when_they_are_asked_for() -> None:
    register("old", "--capability", "quote")
    register("kept")
    run("deregister_agent", "old")

    assert names() == ["kept"]
    assert names("--state", "gone") == ["old"]
    assert names("--state", "gone", "--capability", "write") == []


def test_the_table_tells_how_each_is_and_nothing_in_it_steers_a_terminal() -> None:
    register("pricing", "--capability", "pricing.quote:1.2", "--tag", "[red]")
    heartbeats.beat(Agent.objects.get().pk, load=0.25)
    heartbeats.write_down()
    Agent.objects.update(name="pricing\x1b[31m\u202e")

    text = run("agents")

    head, row = text.splitlines()[0], text.splitlines()[2]
    assert head.split() == ["Name", "Version", "State", "Health", "Load", "Transport", "Capabilities", "Heard"]
    assert "pricing[U+001B][31m[U+202E]" in row
    assert [word for word in row.split() if word in ("healthy", "0.25", "http", "1.00")] == [
        "healthy", "1.00", "0.25", "http",
    ]  # fmt: skip
    assert "pricing.quote 1.2" in row
    assert "ago" in row
    assert "\x1b" not in text


def test_many_agents_stand_in_one_table_each_in_its_line() -> None:
    for number in range(60):
        register(f"agent-{number:02}", "--capability", "a.long.name.of.a.capability:1.0.0")

    assert len(run("agents", "--limit", "60").splitlines()) == 62


def test_nothing_found_is_told() -> None:
    assert run("agents") == "No agent is registered.\n"
    register("a")
    assert run("agents", "--capability", "x") == "No agent fits.\n"
    assert run_json("agents", "--capability", "x") == {"agents": []}


@pytest.mark.parametrize(
    "arguments",
    [("--version", ">=1"), ("--near", "x"), ("--limit", "0"), ("--state", "gone", "--near", "1,1")],
)
def test_a_question_that_makes_no_sense_is_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(Usage):
        run("agents", *arguments)


# --- leaving


def test_an_agent_drains_stays_and_goes() -> None:
    agent = register("pricing")["agent"]

    assert run("drain_agent", "pricing", "--reason", "New disks.") == (
        "Agent pricing drains: it is gone when nothing of its runs.\n"
    )
    assert Agent.objects.get().events.first().data == {"reason": "New disks."}
    assert run_json("drain_agent", agent["id"], "--resume")["agent"]["state"] == "starting"
    with pytest.raises(AgentStateRefused):
        run("drain_agent", "pricing", "--resume")
    with pytest.raises(Usage):
        run("drain_agent", "pricing", "--resume", "--reason", "x")
    assert run("deregister_agent", "pricing") == "Agent pricing is gone.\n"
    with pytest.raises(AgentNotRegistered):
        run("deregister_agent", "nobody")


def test_a_shell_is_told_by_the_exit_status() -> None:
    register("pricing")

    assert status_of("agents", "--capability", "x", "--version", "nonsense") == 2
    assert status_of("register_agent", "a b", "--transport", "http", "--url", "https://a.example") == 2
    assert status_of("deregister_agent", "nobody") == 3
    assert status_of("drain_agent", "pricing", "--resume") == 4
