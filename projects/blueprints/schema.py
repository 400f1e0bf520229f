"""What a blueprint may say: frozen models, the same in YAML, in the database and over REST.

They hold the whole language, also what this version does not run yet (``not_yet`` refuses that at load). Shapes and
ranges are checked here; what needs a second look at the whole document is checked by ``load``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from projects.blueprints.durations import HOW_TO, PATTERN, duration_or_template, parse_duration
from projects.blueprints.swarm_settings import WrittenAsSwarm

Key = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Name = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_.-]*$", max_length=100)]
Text = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Prose = Annotated[StrictStr, Field(max_length=10_000)]
ExpressionText = Annotated[StrictStr, Field(min_length=1)]
_AS_WRITTEN = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": PATTERN}], "description": HOW_TO}
)
Duration = Annotated[float, BeforeValidator(parse_duration), _AS_WRITTEN]
PositiveDuration = Annotated[float, Field(gt=0), BeforeValidator(parse_duration), _AS_WRITTEN]
# Seconds, or a template that gives a duration when the step begins: a value of any kind, so that no union of pydantic's
# puts its own parts into the places of mistakes.
DurationOrTemplate = Annotated[
    Any,
    BeforeValidator(duration_or_template),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": PATTERN},
                {"type": "string", "pattern": r"\$\{"},
            ],
            "description": f"{HOW_TO} Or a template that gives one.",
        }
    ),
]
Count = Annotated[StrictInt, Field(ge=1, le=10_000)]
Schema = dict[StrictStr, Any]
SwarmSettings = Annotated[dict[StrictStr, Any], WrittenAsSwarm()]
Amount = Annotated[float, Field(ge=0, le=1_000_000_000_000, strict=True)]
PositiveAmount = Annotated[float, Field(gt=0, le=1_000_000_000_000, strict=True)]
DEFAULT_TIMEOUT = 300.0
DEFAULT_ROUNDS = 3  # of a phase that may be worked over and does not say how often


class StepKind(StrEnum):
    """Who or what does a step: an agent, or the engine, which begins it and then waits."""

    AGENT = "agent"
    APPROVAL = "approval"
    WAIT = "wait"
    PROJECT = "project"
    SAGA = "saga"
    SWARM = "swarm"
    SCATTER = "scatter"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


def _unsaid(value: Any) -> bool:
    return value is None


def _new() -> Any:
    """A key that may be absent. It is not written down then: the digest of a blueprint without it stays as it was."""
    return Field(default=None, exclude_if=_unsaid)


def _is_false(value: Any) -> bool:
    return value is False


def _is_hundred(value: Any) -> bool:
    return bool(value == 100)


def _is_empty(value: Any) -> bool:
    return not value


class RetryPolicy(_Model):
    """When a failed attempt is tried again. ``base`` and ``cap`` in seconds."""

    max_attempts: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    backoff: Literal["exponential", "linear", "constant"] = "exponential"
    base: Duration = 1.0
    cap: Duration = 60.0
    jitter: Literal["none", "full", "equal", "decorrelated"] = "full"


class CompensateSpec(_Model):
    """Who undoes a completed step, when what comes after fails; ``params`` as those of a step."""

    agent: Name
    params: Schema = {}


class WaitSpec(_Model):
    """What a step of kind ``wait`` waits for: a time (seconds, or a template), or a signal of a name, or the first."""

    duration: DurationOrTemplate | None = Field(default=None, alias="for")
    signal: Name | None = None


class ChildSpec(_Model):
    """The project that a step of kind ``project`` starts; not ``awaited``, its result is the child's id."""

    blueprint: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_.-]*(@[0-9]+)?$", max_length=120)]
    inputs: Schema = {}
    awaited: StrictBool = True


class ScatterSpec(_Model):
    """How a step of kind ``scatter`` gathers the answers of the agents that have its capability.

    ``quorum`` answers are needed (what the aggregation needs, where none is said), within ``deadline`` seconds (the
    step's timeout); ``partial``: at the deadline fewer will do. At most ``at_most`` agents are asked. ``options`` are
    the aggregation's own.
    """

    quorum: Count | None = None
    aggregation: Name = "all"
    deadline: PositiveDuration | None = _new()
    partial: StrictBool = Field(default=False, exclude_if=_is_false)
    at_most: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(default=100, exclude_if=_is_hundred)
    options: Schema = Field(default_factory=dict, exclude_if=_is_empty)


class NearSpec(_Model):
    """Where the work comes from: agents in the same zone are preferred, then in the same region, then the nearest."""

    region: Text | None = _new()
    zone: Text | None = _new()
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = _new()
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = _new()


class RuleSpec(_Model):
    """A rule of the route ``content``: where ``when`` holds for ``params``, who may have the step.

    ``agents`` by name, ``tags`` all of which an agent must have; ``then`` is the strategy among those who remain.
    """

    name: Text | None = _new()
    when: ExpressionText | None = _new()
    agents: tuple[Name, ...] = ()
    tags: tuple[Text, ...] = ()
    then: Annotated[StrictStr, Field(pattern=r"^[a-z_]+$")] = "least_loaded"


Strategy = Literal[
    "round_robin",
    "least_loaded",
    "weighted",
    "content",
    "priority",
    "affinity",
    "failover",
    "consistent_hash",
]


class RouteSpec(_Model):
    """How one of the agents that could do a step is chosen.

    ``key``, a template, is what ``affinity`` and ``consistent_hash`` go by: the step's own key where none is given.
    """

    strategy: Strategy | None = None
    key: StrictStr | None = _new()
    near: NearSpec | None = _new()
    rules: tuple[RuleSpec, ...] = Field(default=(), exclude_if=_is_empty)

    @classmethod
    def of(cls, said: Any) -> RouteSpec:
        """What a step says of its route: a word, or all of it."""
        if said is None:
            return cls()
        return cls(strategy=said) if isinstance(said, str) else cls.model_validate(said)


class FallbackSpec(_Model):
    """What a step degrades to: another ``agent``, or the constant ``value``; for these ``causes``, or any."""

    agent: Name | None = None
    value: Any = None
    causes: tuple[Literal["failed", "no_agent", "timed_out"], ...] = Field(default=(), exclude_if=_is_empty)

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the one of them that it is, which may be the value null: so it can be read again."""
        other = "value" if self.agent is not None else "agent"
        return {name: value for name, value in write(self).items() if name != other}

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.agent is None) == ("value" not in self.model_fields_set):
            raise ValueError("a fallback is an agent or a value: write `agent: NAME` or `value: …`")
        return self

    @classmethod
    def all_of(cls, said: Any) -> tuple[FallbackSpec, ...]:
        """One or several, in the order in which they are tried."""
        given = said if isinstance(said, list | tuple) else [] if said is None else [said]
        return tuple(cls.model_validate(each) for each in given)


class TimeoutsSpec(_Model):
    """Limits of time beside ``timeout``, each in seconds.

    ``schedule_to_start``: how long the step may wait for somebody to begin it. ``heartbeat``: how long an agent that
    answers later may be silent. ``schedule_to_close``: how long the step may take with all its attempts and waits.
    """

    schedule_to_start: PositiveDuration | None = _new()
    heartbeat: PositiveDuration | None = _new()
    schedule_to_close: PositiveDuration | None = _new()


class Approvers(_Model):
    """Who may decide: members of any group (everybody with the right where none is named), and how many must."""

    groups: tuple[Text, ...] = ()
    quorum: Annotated[StrictInt, Field(ge=1, le=100)] = 1


class Escalation(_Model):
    """Who is asked next, and for how many seconds, when nobody decided in time."""

    groups: Annotated[tuple[Text, ...], Field(min_length=1)]
    deadline: PositiveDuration | None = None


class ApprovalSpec(_Model):
    """A question put to people.

    Title, description, ``content`` and ``evidence`` are templates; ``form`` says what of the content may be edited.
    """

    title: Text
    description: Prose = ""
    approvers: Approvers = Approvers()
    form: Schema | None = None
    content: Schema = {}
    evidence: dict[Text, Any] = {}
    deadline: PositiveDuration | None = None
    on_timeout: Literal["reject", "approve", "escalate"] = "reject"
    escalate_to: Escalation | None = None
    on_reject: Literal["fail", "rework"] = "fail"


class QualityCondition(_Model):
    """A condition over the phase's results, and what follows where it is false."""

    name: Text
    check: ExpressionText
    otherwise: Literal["fail", "review", "rework"] = "fail"


class GateSpec(_Model):
    """What stands between a phase and the next.

    ``max_iterations`` counts the phase's rounds, the first included. When none is left, ``on_exhausted: escalate`` asks
    those whom the approval's ``escalate_to`` names.
    """

    quality: tuple[QualityCondition, ...] = ()
    approval: ApprovalSpec | None = None
    max_iterations: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    on_exhausted: Literal["fail", "escalate"] = "fail"

    @model_validator(mode="after")
    def _room_for_rework(self) -> Self:
        if "max_iterations" not in self.model_fields_set and self.says_rework:
            self.__dict__["max_iterations"] = DEFAULT_ROUNDS  # the model is frozen for everybody else
        return self

    @property
    def says_rework(self) -> bool:
        """Whether anything here may send the phase back to be worked over."""
        asked = self.approval is not None and self.approval.on_reject == "rework"
        return asked or any(condition.otherwise == "rework" for condition in self.quality)


class LimitSpec(_Model):
    """How much may be used: above ``soft`` people are asked to raise it by ``raise_by``; above ``hard`` all stops."""

    soft: Amount | None = None
    hard: Amount | None = None
    raise_by: PositiveAmount | None = None


class MeasuresSpec(_Model):
    """Limits by what is counted; ``seconds`` of work, ``launches`` of attempts, ``cost`` in the agents' currency."""

    tokens: LimitSpec | None = None
    cost: LimitSpec | None = None
    seconds: LimitSpec | None = None
    launches: LimitSpec | None = None


class BudgetsSpec(MeasuresSpec):
    """What a project may use, and each agent in it; who is asked to raise a limit, and how long they have."""

    agents: dict[Name, MeasuresSpec] = {}
    approvers: Approvers = Approvers()
    deadline: PositiveDuration | None = None


class EstimateSpec(_Model):
    """What one attempt is expected to use: it is reserved before the attempt starts, and settled after it."""

    tokens: Amount | None = None
    cost: Amount | None = None
    seconds: Amount | None = None


class ConcurrencySpec(_Model):
    """At most ``limit`` steps of one ``key`` run at once, in all projects together; the key is a template."""

    key: Text
    limit: Annotated[StrictInt, Field(ge=1, le=10_000)]


class Asked(NamedTuple):
    """An agent by name, or by a capability with a range of its versions."""

    agent: str | None
    capability: str | None
    version: str | None


class StepSpec(_Model):
    """One unit of work. ``timeout`` is of one attempt, in seconds; ``queue`` None leaves the choice to the agent."""

    key: Key
    title: Annotated[StrictStr, Field(max_length=200)] = ""
    kind: StepKind = StepKind.AGENT
    agent: Name | None = None
    capability: Name | None = None
    version: StrictStr | None = None
    route: Strategy | RouteSpec | None = None
    queue: Literal["cpu", "io"] | None = None
    params: Schema = {}
    needs: tuple[StrictStr, ...] = ()
    when: ExpressionText | None = None
    on_failure: Literal["fail", "continue", "skip_dependents"] = "fail"
    for_each: ExpressionText | None = None
    max_parallel: Count | None = None
    retry: RetryPolicy = RetryPolicy()
    timeout: PositiveDuration = DEFAULT_TIMEOUT
    compensate: CompensateSpec | None = None
    approval: ApprovalSpec | None = None
    wait: WaitSpec | None = None
    project: ChildSpec | None = None
    saga: Name | None = None
    swarm: SwarmSettings | None = None
    scatter: ScatterSpec | None = None
    estimate: EstimateSpec | None = _new()
    concurrency: ConcurrencySpec | None = _new()
    fallback: FallbackSpec | tuple[FallbackSpec, ...] | None = _new()
    timeouts: TimeoutsSpec | None = _new()

    @property
    def asked(self) -> Asked:
        """Who does the work: of a swarm, who says how good its candidates are."""
        said = (self.swarm or {}).get("objective") if self.kind is StepKind.SWARM else None
        if isinstance(said, dict):
            return Asked(said.get("agent"), said.get("capability"), said.get("version"))
        return Asked(self.agent, self.capability, self.version)


class PhaseSpec(_Model):
    """An ordered part of a project: its steps run as their needs allow, then its gate is asked."""

    key: Key
    title: Annotated[StrictStr, Field(max_length=200)] = ""
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1, max_length=1000)]
    gate: GateSpec | None = None
    budgets: MeasuresSpec | None = _new()


class Defaults(_Model):
    """What holds for every step that does not say otherwise."""

    retry: RetryPolicy = RetryPolicy()
    timeout: PositiveDuration = DEFAULT_TIMEOUT
    queue: Literal["cpu", "io"] | None = None


class DeadlineSpec(_Model):
    """Within how many seconds of its start a project is to be over, and what follows where it is not."""

    after: PositiveDuration
    otherwise: Literal["alert", "fail", "cancel"] = "alert"


class DocumentsSpec(_Model):
    """How many documents a project is given, and of which media types (all that can be read, where none is named)."""

    min: Annotated[StrictInt, Field(ge=0, le=1000)] = 0
    max: Annotated[StrictInt, Field(ge=0, le=1000)] | None = None
    media_types: tuple[Text, ...] = ()


class PlanChanges(_Model):
    """Who has to say yes before an intervention changes the plan of a live project."""

    approval: ApprovalSpec


class Blueprint(_Model):
    """A versioned workflow definition. ``report`` names the builder of its report; ``inputs`` is a JSON Schema."""

    name: Name
    version: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    title: Text
    description: Prose = ""
    inputs: Schema = {}
    variables: Schema = {}
    documents: DocumentsSpec | None = None
    deduplicate: StrictBool = False
    deadline: DeadlineSpec | None = None
    report: Name | None = None
    plan_changes: PlanChanges | None = None
    defaults: Defaults = Defaults()
    budgets: BudgetsSpec | None = _new()
    phases: Annotated[tuple[PhaseSpec, ...], Field(min_length=1, max_length=100)]
