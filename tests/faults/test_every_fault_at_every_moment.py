"""The fault matrix is a product: every fault of the list is played at every moment of the list, or says why not."""

from __future__ import annotations

from itertools import product

from tests.faults.product import FAULTS, LEFT_OUT, MOMENTS
from tests.faults.scenarios import SCENARIOS

LISTED_MOMENTS = {
    "before claim": "before_claim",
    "after claim": "after_claim",
    "in the agent": "in_agent",
    "after the effect and before commit": "after_effect",
    "after commit and before acknowledgement": "after_commit",
    "in the chord body": "in_body",
    "in advance": "in_advance",
    "in recovery itself": "in_recovery",
    "during an approval": "in_decision",
    "during a pause": "in_pause",
    "during a cancel": "in_cancel",
    "during a restore": "in_restore",
}
LISTED_FAULTS = {
    "SIGKILL of a prefork child": "SIGKILL of a child",
    "SIGKILL of a whole worker": "SIGKILL of a worker",
    "SIGKILL of beat": "SIGKILL of beat",
    "SIGKILL of the web process": "SIGKILL of web",
    "Redis killed and restarted empty": "Redis killed, comes back empty",
    "FLUSHALL": "FLUSHALL of Redis",
    "connections dropped": "connections to Redis reset",
    "a network stall": "Redis stalls for 3 s",
    "PostgreSQL restarted": "PostgreSQL restarted at once",
    "back ends terminated": "back ends of PostgreSQL terminated",
    "messages doubled": "messages doubled",
    "messages reordered": "messages reordered",
    "messages lost": "messages lost",
    "an agent that answers after its lease": "frozen for longer than the lease",
    "clock jumps: workers": "clocks of workers jump by 2 h",
    "clock jumps: beat": "clock of beat jumps by 2 h",
    "clock jumps: web": "clock of web jumps by 2 h",
}


def test_every_fault_of_the_list_is_played_at_every_moment_or_left_out_for_a_reason() -> None:
    played = {(scenario.name, scenario.moment) for scenario in SCENARIOS}

    missing = [
        f"{fault}, {moment}"
        for (fault, name), (moment, point) in product(LISTED_FAULTS.items(), LISTED_MOMENTS.items())
        if (name, point) not in played and not LEFT_OUT.get((name, point), "").endswith(".")
    ]

    assert not missing


def test_what_is_left_out_is_of_the_list_and_is_not_played() -> None:
    played = {(scenario.name, scenario.moment) for scenario in SCENARIOS}

    assert all(fault in FAULTS and moment in MOMENTS for fault, moment in LEFT_OUT)
    assert not played & set(LEFT_OUT)


def test_each_scenario_has_an_address_of_its_own() -> None:
    addresses = [scenario.address for scenario in SCENARIOS]

    assert len(addresses) == len(set(addresses))
