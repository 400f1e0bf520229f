"""Discovery gives the agents that match and no others, in their order, by pages, through indexes."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from packaging.specifiers import SpecifierSet

from agents import terms
from agents.discovery import Place
from agents.errors import QueryInvalid, VersionInvalid
from agents.models import Agent
from agents.services.discovery import Query, Reach, discover, versions_of
from agents.services.registration import deregister, drain
from agents.states import TAKES_STEPS, AgentState
from agents.values import Location, Performer
from orchestrator_site.clock import new_id
from tests.registry.agents import registered
from tests.registry.crowds import crowd

pytestmark = pytest.mark.django_db


def names(query: Query) -> list[str]:
    return [performer.name for performer in discover(query).performers]


def all_pages(query: Query) -> list[Performer]:
    found: list[Performer] = []
    while True:
        page = discover(query)
        found += page.performers
        if page.next is None:
            return found
        assert len(page.performers) == query.limit
        query = replace(query, after=page.next)


def distance(one: Location, other: Location) -> float:
    """Of the great circle, as an angle: the cosine rule, another formula than the one under test."""
    if other.latitude is None:
        return math.inf
    a, b = math.radians(one.latitude or 0), math.radians(other.latitude)
    turn = math.radians((one.longitude or 0) - (other.longitude or 0))
    return math.acos(max(-1, min(1, math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(turn))))


def expected(query: Query) -> list[Agent]:
    """The answer by looking at every row, in Python."""

    def fits(agent: Agent) -> bool:
        can = terms.capabilities_in(agent.features)
        tags = set(agent.tags)
        return (
            agent.state in query.states
            and agent.health >= query.health
            and (query.capability is None or query.capability in can)
            and (not query.versions or can[query.capability or ""] in SpecifierSet(query.versions))
            and (query.service_type is None or agent.service_type == query.service_type)
            and query.all_tags <= tags
            and (not query.any_tags or bool(query.any_tags & tags))
        )

    def order(agent: Agent) -> tuple[Any, ...]:
        near = query.near
        if near is None:
            return agent.standing, agent.pk
        if near.zone and (agent.region, agent.zone) == (near.region, near.zone):
            return 0, 0.0, agent.standing, agent.pk
        if near.region and agent.region == near.region:
            return 1, 0.0, agent.standing, agent.pk
        where = Location(latitude=agent.latitude, longitude=agent.longitude)
        away = 0.0 if near.latitude is None else round(distance(near, where), 9)
        return 2, away, agent.standing, agent.pk

    found = sorted(filter(fits, Agent.objects.all()), key=order)
    if query.reach is not Reach.ANYWHERE:
        farthest = list(Reach).index(query.reach)
        found = [agent for agent in found if order(agent)[0] <= farthest]
    return found


def any_query(chance: random.Random) -> Query:
    def maybe(value: Any, otherwise: Any = None) -> Any:
        return value if chance.random() < 0.4 else otherwise

    near = maybe(
        Location(
            maybe("eu", ""),
            maybe("a", ""),
            *maybe((chance.uniform(-80, 80), chance.uniform(-179, 179)), (None, None)),
        )
    )
    capability = maybe(chance.choice(["crowd.work", f"crowd.work.{chance.randrange(100)}", "nobody.can"]))
    return Query(
        capability=capability,
        versions=maybe(chance.choice([">=1.2,<1.6", "==1.3.0", ">1.9"]), "") if capability == "crowd.work" else "",
        service_type=maybe(f"crowd-service-{chance.randrange(20)}"),
        all_tags=maybe(frozenset({"common", f"common-{chance.randrange(7)}"}), frozenset()),
        any_tags=maybe(frozenset({"common-1", "common-200", "no-such"}), frozenset()),
        health=maybe(chance.choice([0.6, 0.8, 0.97]), 0.0),
        states=maybe(frozenset({AgentState.HEALTHY, AgentState.DRAINING}), TAKES_STEPS),
        near=near,
        reach=chance.choice(list(Reach)) if near is not None else Reach.ANYWHERE,
        limit=chance.choice([1, 7, 50]),
    )


def test_any_question_is_answered_as_by_looking_at_every_agent() -> None:
    crowd(700)
    crowd(60, seed=5, prefix="resting", state=AgentState.DRAINING)
    crowd(60, seed=6, prefix="ill", state=AgentState.UNHEALTHY)
    crowd(60, seed=7, prefix="former", state=AgentState.GONE)
    Agent.objects.filter(name__endswith="3").update(latitude=None, longitude=None)
    chance = random.Random(11)
    answered = 0

    for _ in range(150):
        query = any_query(chance)
        found = [performer.name for performer in all_pages(query)]
        assert found == [agent.name for agent in expected(query)], query
        answered += bool(found)

    assert answered > 75, "most questions have an answer, or nothing was tested"


def test_the_same_zone_comes_first_then_the_region_then_the_nearest() -> None:
    berlin = {"latitude": 52.5, "longitude": 13.4}
    registered("same-zone", location=Location("eu", "a", 0.0, 0.0))
    registered("same-region", location=Location("eu", "b", -30.0, 150.0))
    registered("paris", location=Location("west", "", 48.9, 2.4))
    registered("warsaw", location=Location("east", "a", 52.2, 21.0))
    registered("fiji", location=Location("far", "", -17.8, 178.0))
    registered("somewhere")

    near = Query(near=Location("eu", "a", **berlin))

    assert names(near) == ["same-zone", "same-region", "warsaw", "paris", "fiji", "somewhere"]
    assert names(replace(near, reach=Reach.REGION)) == ["same-zone", "same-region"]
    assert names(replace(near, reach=Reach.ZONE)) == ["same-zone"]


def test_the_nearest_is_found_across_the_date_line_and_over_the_pole() -> None:
    registered("samoa", location=Location(latitude=-13.8, longitude=-172.0))
    registered("sydney", location=Location(latitude=-33.9, longitude=151.2))
    registered("canada", location=Location(latitude=82.5, longitude=-62.3))
    registered("moscow", location=Location(latitude=55.8, longitude=37.6))

    assert names(Query(near=Location(latitude=-17.8, longitude=178.0), limit=2)) == ["samoa", "sydney"]
    assert names(Query(near=Location(latitude=80.0, longitude=110.0), limit=1)) == ["canada"]


def test_the_healthier_comes_first_and_of_two_the_one_with_less_load() -> None:
    for name, health, load in (("busy", 0.9, 0.8), ("ill", 0.5, 0.0), ("idle", 0.9, 0.1)):
        Agent.objects.filter(pk=registered(name).pk).update(health=health, load=load)

    assert names(Query()) == ["idle", "busy", "ill"]


def test_who_drains_or_is_gone_gets_nothing_new() -> None:
    for name in ("stays", "drains", "goes"):
        registered(name, capabilities={"call": "1"})
    drain(agent="drains", actor="user:olga")
    deregister(agent="goes", actor="user:olga")

    assert names(Query(capability="call")) == ["stays"]
    assert names(Query(capability="call", states=frozenset({AgentState.DRAINING}))) == ["drains"]


def test_a_pre_release_is_found_only_by_who_asks_for_one() -> None:
    registered("tried", capabilities={"call": "2.0rc1"})

    assert names(Query(capability="call", versions=">=1")) == []
    assert names(Query(capability="call", versions=">=2.0rc1")) == ["tried"]
    assert names(Query(capability="call")) == ["tried"]


@pytest.mark.parametrize(
    "query",
    [
        Query(limit=0),
        Query(limit=501),
        Query(health=1.1),
        Query(versions=">=1"),
        Query(reach=Reach.ZONE),
        Query(near=Location(latitude=99.0, longitude=0.0)),
        Query(states=frozenset({AgentState.GONE})),
        Query(after="nonsense"),
        Query(after="W10"),
        Query(after=Place(0, 0.0, 5, "x").write(Query())),
        Query(after=Place(0, float("nan"), 5, str(new_id())).write(Query())),
        Query(after=Place(0, 0.0, 10**12, str(new_id())).write(Query())),
        Query(after="WyJ4IiwwLDAuMCwwLCJ4Il0"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(query: Query) -> None:
    with pytest.raises(QueryInvalid):
        discover(query)


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(VersionInvalid):
        discover(Query(capability="call", versions="new"))


def test_a_page_of_one_question_is_not_the_start_of_anothers() -> None:
    for name in "abc":
        registered(name)
    page = discover(Query(limit=1))

    with pytest.raises(QueryInvalid, match="another question"):
        discover(Query(limit=1, health=0.5, after=page.next))


def test_versions_are_told_once_each() -> None:
    for number, version in enumerate(["1.0", "1.0", "2.0", "1.5"]):
        registered(f"agent-{number}", capabilities={"call": version, "write": "9.0"})

    assert sorted(versions_of("call")) == ["1.0", "1.5", "2.0"]
    assert versions_of("nobody.can") == []


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(capability="crowd.work"),
        Query(capability="crowd.work.7"),
        Query(capability="crowd.work", versions=">=1.2,<1.5"),
        Query(all_tags=frozenset({"common-777"})),
        Query(any_tags=frozenset({"common-777", "common-3"}), service_type="crowd-service-3", health=0.9),
        Query(capability="crowd.work", all_tags=frozenset({"no-such"})),
        Query(capability="crowd.work.7", near=Location("eu", "a", 50.0, 8.0)),
        Query(states=frozenset({AgentState.UNHEALTHY})),
        Query(health=0.99),
    ],
)
def test_no_question_is_answered_by_a_scan(query: Query, ten_thousand: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        discover(query)

    for statement in asked.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + statement["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan" not in plan, plan
