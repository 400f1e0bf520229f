"""The settings of this product: one typed, frozen object, read from the environment and checked at the start.

Each field names its default and what it does; the table in the documentation is made from these sentences. All
mistakes are reported at once, by name.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

PRIORITIES = ("critical", "high", "normal", "low")
POOLS = ("cpu", "io")
CONTROL_QUEUE = "control"


class ConfigurationError(SystemExit):
    """The settings are wrong; the message lists every mistake with its name."""


def _named(name: str) -> AliasChoices:
    """The plain name, as every twelve-factor platform gives it, or the prefixed one."""
    return AliasChoices(name, f"PHASEGATE_{name}")


class Conf(BaseSettings):
    """What an operator may set. Environment variables carry the prefix ``PHASEGATE_``, but for the plain URLs."""

    model_config = SettingsConfigDict(env_prefix="PHASEGATE_", frozen=True, extra="ignore", populate_by_name=True)

    # --- servers
    database_url: str = Field(
        "",
        validation_alias=_named("DATABASE_URL"),
        description="PostgreSQL. Defaults to the embedded server.",
    )
    broker_url: str = Field(
        "",
        validation_alias=_named("BROKER_URL"),
        description="Redis for Celery. Defaults to the embedded server.",
    )
    result_url: str = Field(
        "",
        validation_alias=_named("RESULT_URL"),
        description="Redis for the joins of chords. Defaults to BROKER_URL's server, database 1.",
    )
    cache_url: str = Field(
        "",
        validation_alias=_named("CACHE_URL"),
        description="Redis for the cache. Defaults to BROKER_URL's server, database 2.",
    )
    var_dir: Path = Field(BASE_DIR / "var", description="Data of the embedded servers and logs. Defaults to var/.")

    pooled_sessions: bool = Field(
        False,
        description="PostgreSQL is reached through a pooler of transactions (PgBouncer), so that nothing may hang on a "
        "session: the lease alone tells that a worker died, and who waits looks once a second. Defaults to off.",
    )

    # --- the site
    secret_key: str = Field("", description="Django's secret. Defaults to one made once in var/ with mode 0600.")
    debug: bool = Field(False, description="Django's debug pages. Defaults to off; never on in production.")
    production: bool = Field(False, description="Refuses what is only good for trying out. Defaults to off.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        description="Host names served, by comma. Defaults to this machine.",
    )
    base_url: str = Field(
        "http://127.0.0.1:8000", description="How people reach the site. Defaults to http://127.0.0.1:8000."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged. Defaults to INFO."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="json, text, or auto: text on a terminal. Defaults to auto."
    )

    # --- engine
    lease_seconds: float = Field(30.0, gt=0, description="How long a worker may be silent. Defaults to 30 s.")
    heartbeat_seconds: float = Field(10.0, gt=0, description="How often a worker renews. Defaults to 10 s.")
    watch_seconds: float = Field(
        0.25, gt=0, description="How often a worker looks whether another has died. Defaults to 0.25 s."
    )
    recovery_seconds: float = Field(2.0, gt=0, description="How often recovery looks. Defaults to 2 s.")
    sealing_seconds: float = Field(1.0, gt=0, description="How often history is sealed. Defaults to 1 s.")
    timer_seconds: float = Field(
        1.0, gt=0, description="How often beat fires what is due; what is due soon is met to some ms. Defaults to 1 s."
    )
    publish_bound_seconds: float = Field(
        60.0, gt=0, description="A message unclaimed for longer is sent again. Defaults to 60 s."
    )
    crash_limit: int = Field(
        3, ge=1, description="A step that takes its worker down this often is failed. Defaults to 3."
    )
    fanout_window: int = Field(
        200,
        ge=1,
        description="Steps of one fan-out in flight where it names no max_parallel. Defaults to 200.",
    )
    room_seconds: float = Field(
        30.0,
        gt=0,
        description="A step that waits for a budget or a limit of concurrency looks again after as long, where "
        "nobody has sent for it before. Defaults to 30 s.",
    )
    result_inline_bytes: int = Field(
        64 * 1024,
        ge=1,
        description="A result of more bytes of JSON is kept aside, compressed. Defaults to 64 KiB.",
    )
    schedule_seconds: float = Field(
        5.0, gt=0, description="How often beat looks for schedules that are due. Defaults to 5 s."
    )
    batch_seconds: float = Field(
        0.03, ge=0, description="Short steps are committed together for as long; 0: each by itself. Defaults to 0.03 s."
    )
    child_depth: int = Field(
        10, ge=0, le=100, description="How many projects may stand above one that a step starts. Defaults to 10."
    )
    agent_modules: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Modules with agents of your own, by comma. Defaults to none."
    )

    # --- agents: registry
    agent_heartbeat_seconds: float = Field(
        30.0, gt=0, description="How often an agent is to send a heartbeat. Defaults to 30 s."
    )
    agent_silence_seconds: float = Field(
        300.0, gt=0, description="An agent that is silent for longer is gone. Defaults to 300 s."
    )
    agent_linger_seconds: float = Field(
        30.0,
        ge=0,
        description="A built-in agent stays for as long after the last worker that offers it has left, so that "
        "restarting a worker shows no gap. Defaults to 30 s.",
    )
    agent_write_down_seconds: float = Field(
        5.0, gt=0, description="How often heartbeats are written down from Redis, in batches. Defaults to 5 s."
    )
    agent_sweep_seconds: float = Field(
        15.0, gt=0, description="How often beat looks for agents that are silent, or have drained. Defaults to 15 s."
    )
    registry_check_seconds: float = Field(
        0.25,
        ge=0,
        description="A process asks as often whether the registry has changed before it takes a candidate from its "
        "cache. Defaults to 0.25 s.",
    )
    registry_cache_seconds: float = Field(
        5.0, ge=0, description="Health and load in that cache are at most so old. Defaults to 5 s."
    )
    agent_event_days: int = Field(
        30, ge=1, description="What happened to agents is kept for so many days. Defaults to 30."
    )

    # --- agents: transports

    # --- agents: resilience
    project_places: int = Field(20, ge=1, description="Steps of one project at agents at once. Defaults to 20.")
    agent_places: int = Field(
        5, ge=1, description="Steps at once by an agent that has no max_concurrency of its own. Defaults to 5."
    )
    python_agent_places: int | None = Field(
        None, ge=1, description="The same for agents that run in our own workers. Defaults to PHASEGATE_AGENT_PLACES."
    )
    place_seconds: float = Field(
        15.0, gt=0, description="How long a silent worker keeps its places with agents. Defaults to 15 s."
    )
    circuit_failures: int = Field(
        5, ge=1, le=1000, description="Failures within the window that open an agent's circuit. Defaults to 5."
    )
    circuit_window_seconds: float = Field(60.0, gt=0, description="The window of failures. Defaults to 60 s.")
    circuit_pause_seconds: float = Field(
        10.0,
        gt=0,
        description="First pause of an open circuit; it doubles with every probe that fails. Defaults to 10 s.",
    )
    circuit_pause_cap_seconds: float = Field(300.0, gt=0, description="Longest such pause. Defaults to 300 s.")
    circuit_probes: int = Field(1, ge=1, le=1000, description="Probes at once of a half-open circuit. Defaults to 1.")
    rate_floor: float = Field(
        1.0, gt=0, description="Calls a second below which an agent's adaptive rate is not cut. Defaults to 1."
    )
    rate_ceiling: float = Field(
        1000.0, gt=0, description="Calls a second at which an agent's adaptive rate is lifted. Defaults to 1000."
    )
    rate_increase: float = Field(
        1.0, gt=0, description="What an adaptive rate that is used gains a second, in calls a second. Defaults to 1."
    )
    rate_decrease: float = Field(
        0.5, gt=0, lt=1, description="What an adaptive rate is cut to when the agent pushes back. Defaults to 0.5."
    )
    rate_slow_factor: float = Field(
        3.0, ge=0, description="Latency above its baseline by which a rate is cut; 0: never. Defaults to 3."
    )
    resilience_timeout_seconds: float = Field(
        0.05, gt=0, description="How long Redis may take to answer before a process decides alone. Defaults to 0.05 s."
    )
    standing_seconds: float = Field(
        0.1, ge=0, description="How old a worker's picture of an agent's circuit may be. Defaults to 0.1 s."
    )

    # --- agents: routing

    # --- agents: swarm

    # --- message bus

    # --- history
    history_retention_days: int | None = Field(
        None,
        ge=1,
        description="Histories of projects that are over for so many days are archived to a file, once a day, and "
        "their events removed. Defaults to none: they are kept for ever.",
    )
    history_archive_dir: Path | None = Field(
        None, description="Folder of archived histories. Defaults to history-archive in PHASEGATE_VAR_DIR."
    )

    # --- documents
    document_max_bytes: int = Field(
        10 * 1024 * 1024, ge=1, description="Largest document accepted, in bytes. Defaults to 10 MiB."
    )
    document_dir: Path | None = Field(
        None,
        description="Folder from which the API may take documents by path. Defaults to none: upload only.",
    )

    @property
    def archive_folder(self) -> Path:
        """Where archived histories go."""
        return self.history_archive_dir or self.var_dir / "history-archive"

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("allowed_hosts", "agent_modules", "PHASEGATE_ALLOWED_HOSTS", "PHASEGATE_AGENT_MODULES"):
            given = values.get(name)
            if isinstance(given, str):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _cross_rules(self) -> Conf:
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError(
                "PHASEGATE_HEARTBEAT_SECONDS must be at most half of PHASEGATE_LEASE_SECONDS, "
                "so that one lost heartbeat does not cost a lease"
            )
        if self.agent_heartbeat_seconds * 2 > self.agent_silence_seconds:
            raise ValueError(
                "PHASEGATE_AGENT_HEARTBEAT_SECONDS must be at most half of PHASEGATE_AGENT_SILENCE_SECONDS, "
                "so that one lost heartbeat does not cost an agent its place"
            )
        if self.circuit_pause_cap_seconds < self.circuit_pause_seconds:
            raise ValueError("PHASEGATE_CIRCUIT_PAUSE_CAP_SECONDS must not be below PHASEGATE_CIRCUIT_PAUSE_SECONDS")
        if self.rate_ceiling < self.rate_floor:
            raise ValueError("PHASEGATE_RATE_CEILING must not be below PHASEGATE_RATE_FLOOR")
        if self.production and self.debug:
            raise ValueError("PHASEGATE_DEBUG cannot be on while PHASEGATE_PRODUCTION is")
        if self.production and os.environ.get("PHASEGATE_FAULT"):
            raise ValueError("PHASEGATE_FAULT is for tests: it cannot be named while PHASEGATE_PRODUCTION is on")
        if self.production and len(self.secret_key) < 50:
            raise ValueError("PHASEGATE_SECRET_KEY needs at least 50 characters while PHASEGATE_PRODUCTION is on")
        return self


def _complain(error: ValidationError) -> ConfigurationError:
    lines = ["The settings are wrong:"]
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        name = f"{_variable(where)}: " if where else ""
        given = f" (given: {problem['input']!r})" if where and "secret" not in where else ""
        lines.append(f"  - {name}{problem['msg'].removeprefix('Value error, ')}{given}")
    lines.append("Every setting, with its default, stands in docs/reference/settings.md.")
    return ConfigurationError("\n".join(lines))


def _variable(field: str) -> str:
    plain = {"database_url", "broker_url", "result_url", "cache_url"}
    name = field.upper()
    return name if field.lower() in plain or name.startswith("PHASEGATE_") else f"PHASEGATE_{name}"


@functools.cache
def conf() -> Conf:
    """The settings of this process. Raises ``ConfigurationError`` naming every wrong one."""
    try:
        return Conf()
    except ValidationError as error:
        raise _complain(error) from None
