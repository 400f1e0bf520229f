"""The settings of this product: one typed, frozen object, read from the environment and checked at the start.

Each field names its default and what it does; the table in the documentation is made from these sentences. All
mistakes are reported at once, by name.
"""

from __future__ import annotations

import functools
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
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
    idle_transaction_seconds: float = Field(
        60.0,
        ge=0,
        description="PostgreSQL ends the session of a process that stands still for so long in the middle of a "
        "transaction, with the rows that it holds; 0: never. Defaults to 60 s.",
    )
    recovery_seconds: float = Field(2.0, gt=0, description="How often recovery looks. Defaults to 2 s.")
    sealing_seconds: float = Field(1.0, gt=0, description="How often history is sealed. Defaults to 1 s.")
    timer_seconds: float = Field(
        1.0, gt=0, description="How often beat fires what is due; what is due soon is met to some ms. Defaults to 1 s."
    )
    publish_bound_seconds: float = Field(
        60.0,
        gt=0,
        description="A message unclaimed for longer, whose queue has come past it, is sent again. Defaults to 60 s.",
    )
    cancel_grace_seconds: float = Field(
        10.0,
        ge=0,
        description="An agent that goes on for as long after it was told to stop is interrupted; where that does not "
        "help its process is ended. Defaults to 10 s.",
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
    egress_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Networks and hosts, by comma, that agents may be reached at although they are not public, on any "
        "port and without TLS too: 10.1.0.0/16, agents.internal. Defaults to none.",
    )
    egress_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (443, 8443), description="Ports of agents at public addresses, by comma. Defaults to 443 and 8443."
    )
    egress_ca_file: Path | None = Field(
        None, description="Certificates (PEM) that agents may be signed by, beside the public ones. Defaults to none."
    )
    connect_seconds: float = Field(
        3.0, gt=0, description="How long an agent's address may take to be found and connected to. Defaults to 3 s."
    )
    agent_answer_max_bytes: int = Field(
        10 * 1024 * 1024,
        ge=1024,
        description="Largest answer of an agent over HTTP, in bytes, counted after decompression. Defaults to 10 MiB.",
    )
    callback_seconds: float = Field(
        60.0,
        gt=0,
        description="An agent that takes work and will answer later is to be heard of within as long, where it says "
        "nothing else. Defaults to 60 s.",
    )
    callbacks_per_minute: int = Field(
        600,
        ge=10,
        description="How often a minute an agent that answers later may say that it is at it, for one attempt. "
        "Defaults to 600.",
    )
    agent_secrets: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Environment variables that agents may name as their secret, by comma, each with the one host it "
        "is for: OPENAI_API_KEY@api.openai.com. Defaults to none.",
    )
    llm_prices: dict[str, dict[Literal["in", "out"], Annotated[float, Field(ge=0, le=100_000)]]] = Field(
        {},
        description="Prices of language models per million tokens, in the currency of budgets, as JSON: "
        '{"small": {"in": 0.5, "out": 2}}. Defaults to none: they cost nothing.',
    )

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
        0.25, gt=0, description="How long Redis may take to answer before a process decides alone. Defaults to 0.25 s."
    )
    standing_seconds: float = Field(
        0.1, ge=0, description="How old a worker's picture of an agent's circuit may be. Defaults to 0.1 s."
    )

    # --- agents: routing
    route_load_seconds: float = Field(
        0.1,
        ge=0,
        description="How long a worker routes by the loads of agents that it has read; 0: it reads them for each "
        "decision. Defaults to 0.1 s.",
    )
    scatter_threads: int = Field(
        64,
        ge=1,
        description="Calls that scatters of one process have under way at once, abandoned ones among them. "
        "Defaults to 64.",
    )

    # --- agents: swarm

    # --- message bus
    bus_url: str = Field(
        "",
        validation_alias=_named("BUS_URL"),
        description="The broker of the message bus, such as amqp://user:password@host//. Defaults to BROKER_URL.",
    )
    bus_ledger_url: str = Field(
        "",
        validation_alias=_named("BUS_LEDGER_URL"),
        description="Redis that knows what each group has handled. Defaults to BROKER_URL.",
    )
    bus_prefix: str = Field(
        "phasegate.bus",
        pattern=r"^[A-Za-z0-9_.-]{1,40}$",
        description="Begins the name of every queue and key of the bus, so that installations may share a broker. "
        "Defaults to phasegate.bus.",
    )
    bus_dedup_seconds: float = Field(
        3600.0,
        ge=60,
        description="An event that a group has handled is passed over for so long when it comes again; each takes "
        "some 70 bytes of Redis meanwhile. Defaults to 3600 s.",
    )
    bus_max_deliveries: int = Field(
        5, ge=2, description="An event that could not be handled so often is a dead letter. Defaults to 5."
    )
    bus_retry_seconds: float = Field(
        0.5, gt=0, description="Before the second delivery; doubled each time, up to 30 s. Defaults to 0.5 s."
    )
    bus_batch: int = Field(
        200, ge=1, le=10_000, description="Events handled together, and messages taken ahead. Defaults to 200."
    )
    bus_visibility_seconds: float = Field(
        60.0,
        ge=1,
        description="On Redis, what a consumer has taken and not spoken of for so long is given to another. "
        "Defaults to 60 s.",
    )
    bus_modules: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Modules that subscribe to the bus, by comma. Defaults to none."
    )

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
        lists = ("allowed_hosts", "agent_modules", "bus_modules", "egress_allow", "egress_ports", "agent_secrets")
        for name in (*lists, *(f"PHASEGATE_{each.upper()}" for each in lists)):
            given = values.get(name)
            if isinstance(given, str):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
        return values

    @field_validator("egress_allow")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            if "/" in each or ":" in each:
                ipaddress.ip_network(each)
        return given

    @field_validator("agent_secrets")
    @classmethod
    def _secrets(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            name, _, host = each.partition("@")
            if not name.isidentifier() or not host:
                raise ValueError(f"{each!r} is not written NAME@host")
        return given

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
        if self.bus_dedup_seconds < self.bus_visibility_seconds * 2:
            raise ValueError(
                "PHASEGATE_BUS_DEDUP_SECONDS must be at least twice PHASEGATE_BUS_VISIBILITY_SECONDS, "
                "or what is delivered again has been forgotten by then"
            )
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
    plain = {"database_url", "broker_url", "result_url", "cache_url", "bus_url", "bus_ledger_url"}
    name = field.upper()
    return name if field.lower() in plain or name.startswith("PHASEGATE_") else f"PHASEGATE_{name}"


@functools.cache
def conf() -> Conf:
    """The settings of this process. Raises ``ConfigurationError`` naming every wrong one."""
    try:
        return Conf()
    except ValidationError as error:
        raise _complain(error) from None
