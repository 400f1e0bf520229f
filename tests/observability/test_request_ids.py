"""Every answer carries the id of its request."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import pytest
from django.test import AsyncClient, Client

pytestmark = pytest.mark.urls("orchestrator_site.observability.urls")


def test_an_id_that_a_proxy_gave_is_kept() -> None:
    assert Client().get("/health", headers={"X-Request-ID": "edge-0123456789"})["X-Request-ID"] == "edge-0123456789"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 129, "has space in it", "a\tb345678", "ümlaut-12345", "-starts-wrong"]
)
def test_one_that_could_do_harm_is_replaced(given: str) -> None:
    found = Client().get("/health", headers={"X-Request-ID": given})["X-Request-ID"]

    assert UUID(found).version == 7


def test_two_requests_have_two() -> None:
    assert Client().get("/health")["X-Request-ID"] != Client().get("/health")["X-Request-ID"]


def test_requests_at_the_same_time_keep_theirs_apart() -> None:
    async def both() -> list[str]:
        client = AsyncClient()
        answers = await asyncio.gather(
            *(client.get("/health", headers={"X-Request-ID": f"request-{number}"}) for number in range(8))
        )
        return [answer["X-Request-ID"] for answer in answers]

    assert asyncio.run(both()) == [f"request-{number}" for number in range(8)]


def test_a_line_tells_method_path_and_status_and_no_query(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="phasegate.requests"):
        Client().post("/health?token=hidden")

    assert "'path': '/health'" in caplog.text
    assert "405" in caplog.text
    assert "hidden" not in "".join(record.getMessage() for record in caplog.records if "request" in record.name)
