"""Many agents at once, for tests and benchmarks of what must stay flat."""

from __future__ import annotations

import random
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from agents import terms
from agents.models import Agent, AgentCapability
from agents.services.changes import Change, record
from agents.states import AgentState
from agents.values import Location, TransportName

REGIONS = {"eu": (50.0, 10.0), "us": (40.0, -95.0), "asia": (30.0, 110.0)}


def crowd(
    number: int,
    *,
    seed: int = 4,
    capability: str = "crowd.work",
    tag: str = "common",
    prefix: str = "crowd",
    state: AgentState = AgentState.HEALTHY,
) -> list[UUID]:
    """So many agents, all able to do something, in ten versions, with five tags, in nine zones; their ids."""
    chance = random.Random(seed)
    agents, offers = [], []
    for place in range(number):
        region = chance.choice(list(REGIONS))
        where = Location(
            region,
            chance.choice("abc"),
            REGIONS[region][0] + chance.uniform(-9, 9),
            REGIONS[region][1] + chance.uniform(-9, 9),
        )
        can = {capability: f"1.{place % 10}.0", f"{capability}.{place % 100}": "1.0"}
        tags = sorted({tag, f"{tag}-{place % 7}", f"{tag}-{place % 1000}"})
        agent = Agent(
            name=f"{prefix}-{place:05d}",
            transport=TransportName.HTTP,
            service_type=f"{prefix}-service-{place % 20}",
            settings={"url": f"https://example.org/{place}"},
            tags=tags,
            region=where.region,
            zone=where.zone,
            latitude=where.latitude,
            longitude=where.longitude,
            state=state,
            health=round(chance.uniform(0.5, 1.0), 3),
            load=round(chance.random(), 3),
            state_at=Now(),
            registered_at=Now(),
            heard_at=Now(),
            features=terms.features(
                capabilities=can, tags=tags, service_type=f"{prefix}-service-{place % 20}", where=where, by="http"
            ),
        )
        agents.append(agent)
        offers += [AgentCapability(agent_id=agent.pk, name=name, version=version) for name, version in can.items()]
    Agent.objects.bulk_create(agents, batch_size=2000)
    AgentCapability.objects.bulk_create(offers, batch_size=5000)
    record([Change(agents[0].pk, "agent.registered")], actor="crowd")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE agents_agent, agents_agentcapability")
    return [agent.pk for agent in agents]
