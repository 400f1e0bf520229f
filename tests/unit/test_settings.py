"""Settings are checked at the start, and every mistake is told at once, by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator_site.conf import ConfigurationError, conf

LONG = "k" * 50


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    conf.cache_clear()
    yield
    conf.cache_clear()


def given(patch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)


def test_every_wrong_value_is_told_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PHASEGATE_LEASE_SECONDS="soon", PHASEGATE_LOG_LEVEL="LOUD", PHASEGATE_CRASH_LIMIT="0")

    with pytest.raises(ConfigurationError) as refused:
        conf()

    told = str(refused.value)
    assert all(name in told for name in ("PHASEGATE_LEASE_SECONDS", "PHASEGATE_LOG_LEVEL", "PHASEGATE_CRASH_LIMIT"))
    assert "'soon'" in told


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PHASEGATE_EGRESS_ALLOW": "agents.internal,10.0.0.0/33"}, "10.0.0.0/33"),
        ({"PHASEGATE_EGRESS_PORTS": "443,many"}, "PHASEGATE_EGRESS_PORTS"),
        ({"PHASEGATE_AGENT_SECRETS": "OPENAI_API_KEY"}, "NAME@host"),
        ({"PHASEGATE_LLM_PRICES": '{"small": {"in": -1}}'}, "PHASEGATE_LLM_PRICES"),
        ({"PHASEGATE_LEASE_SECONDS": "10", "PHASEGATE_HEARTBEAT_SECONDS": "6"}, "at most half"),
        (
            {"PHASEGATE_BUS_DEDUP_SECONDS": "60", "PHASEGATE_BUS_VISIBILITY_SECONDS": "60"},
            "PHASEGATE_BUS_DEDUP_SECONDS",
        ),
        ({"PHASEGATE_PRODUCTION": "1", "PHASEGATE_SECRET_KEY": "short"}, "at least 50"),
        ({"PHASEGATE_PRODUCTION": "1", "PHASEGATE_SECRET_KEY": LONG, "PHASEGATE_DEBUG": "1"}, "PHASEGATE_DEBUG"),
        (
            {"PHASEGATE_PRODUCTION": "1", "PHASEGATE_SECRET_KEY": LONG, "PHASEGATE_FAULT": "in_agent:kill"},
            "PHASEGATE_FAULT",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    given(monkeypatch, **variables)

    with pytest.raises(ConfigurationError, match=reason):
        conf()


def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PHASEGATE_PRODUCTION="1", PHASEGATE_SECRET_KEY="hunter2")

    with pytest.raises(ConfigurationError) as refused:
        conf()

    assert "hunter2" not in str(refused.value)


def test_lists_are_given_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PHASEGATE_ALLOWED_HOSTS="a.example, b.example")

    assert conf().allowed_hosts == ("a.example", "b.example")
