"""What becomes of an event whose delivery failed."""

from __future__ import annotations

import pytest

from orchestrator_site.bus.redelivery import Again, Bury, Deliver, Policy, after_failure, before_delivery

POLICY = Policy(max_deliveries=4, base=0.5, cap=1.5)


@pytest.mark.parametrize(
    ("deliveries", "follows"),
    [
        (1, Again(0.5)),
        (2, Again(1.0)),
        (3, Again(1.5)),  # 2.0, but for the cap
        (4, Bury("too_many_deliveries")),
        (9, Bury("too_many_deliveries")),
    ],
)
def test_a_failure_is_tried_again_later_each_time_and_then_buried(deliveries: int, follows: Again | Bury) -> None:
    assert after_failure(deliveries, POLICY, refused=False) == follows


def test_what_a_handler_refuses_is_buried_at_once() -> None:
    assert after_failure(1, POLICY, refused=True) == Bury("refused")


@pytest.mark.parametrize(("deliveries", "follows"), [(2, Deliver()), (4, Deliver()), (5, Bury("too_many_deliveries"))])
def test_what_took_its_process_down_in_the_last_delivery_gets_no_other(deliveries: int, follows: object) -> None:
    assert before_delivery(deliveries, POLICY) == follows
