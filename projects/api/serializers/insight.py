"""What one may see of a project: progress, state, steps, history, documents, its graph."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import AnyField, NamedChoiceField, ObjectField, StateField
from orchestrator_site.history.models import Event
from projects.api.serializers.approvals import ApprovalSerializer
from projects.api.serializers.budgets import BudgetSerializer
from projects.blueprints.schema import StepKind
from projects.states import AttemptOutcome, Directive, PhaseState, ProjectState, StepState


class PhaseProgressSerializer(serializers.Serializer[Any]):
    """How far a phase is."""

    key = serializers.CharField()
    title = serializers.CharField()
    state = StateField(PhaseState)
    round = serializers.IntegerField()
    steps = serializers.DictField(child=serializers.IntegerField(), help_text="How many steps are in which state.")
    total = serializers.IntegerField(help_text="Steps of this round, items of lists counted each.")
    done = serializers.IntegerField(help_text="Those that are over.")


class SearchSerializer(serializers.Serializer[Any]):
    """How far the search of a step is."""

    step = serializers.CharField()
    phase = serializers.CharField()
    generation = serializers.IntegerField(help_text="Generations that are over.")
    generations = serializers.IntegerField(help_text="How many there are at most.")
    value = serializers.FloatField(allow_null=True, help_text="The best that was found; null before the first is over.")
    best = AnyField(help_text="Where it was found: a list of numbers, or an object by name.")
    state = StateField(StepState)


class ProgressSerializer(serializers.Serializer[Any]):
    """How a project stands."""

    project = serializers.UUIDField()
    title = serializers.CharField()
    state = StateField(ProjectState)
    directive = StateField(Directive)
    share = serializers.FloatField(help_text="How much is done, from 0 to 1.")
    elapsed = serializers.FloatField(help_text="Seconds since it began.")
    eta = serializers.FloatField(allow_null=True, help_text="Seconds that may be left; null where it is not known.")
    eta_low = serializers.FloatField(allow_null=True, help_text="The lower end of what may be left.")
    eta_high = serializers.FloatField(allow_null=True, help_text="The upper end.")
    next_action = serializers.CharField(help_text="What it does or waits for, since when, and who can move it on.")
    running_at_pause = serializers.IntegerField(
        allow_null=True, help_text="Of a paused project: how many steps ran when it was paused, those below counted."
    )
    draining = serializers.IntegerField(allow_null=True, help_text="How many of them still run.")
    drained_at = serializers.DateTimeField(allow_null=True, help_text="When none of them ran any more.")
    running = serializers.ListField(child=serializers.CharField(), help_text="Keys of running steps, 20 at most.")
    phases = PhaseProgressSerializer(many=True)
    budgets = BudgetSerializer(many=True, help_text="What is spent and reserved, and the limits.")
    searches = SearchSerializer(many=True, help_text="Of steps of kind `swarm` that have begun.")


class StepInBriefSerializer(serializers.Serializer[Any]):
    """A step, in three words."""

    key = serializers.CharField()
    round = serializers.IntegerField()
    state = StateField(StepState)


class PhaseInBriefSerializer(serializers.Serializer[Any]):
    """A phase with its steps of the present round."""

    key = serializers.CharField()
    state = StateField(PhaseState)
    round = serializers.IntegerField()
    steps = StepInBriefSerializer(many=True)


class ProjectInBriefSerializer(serializers.Serializer[Any]):
    """Where a project stands, short."""

    project = serializers.UUIDField()
    state = StateField(ProjectState)
    directive = StateField(Directive)
    directive_since = serializers.DateTimeField(allow_null=True)
    plan_version = serializers.IntegerField()
    phases = PhaseInBriefSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    """A step as lists show it."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    phase = serializers.CharField(source="phase.key")
    round = serializers.IntegerField()
    position = serializers.IntegerField()
    kind = NamedChoiceField("StepKind", [kind.value for kind in StepKind])
    agent = serializers.CharField(
        help_text="As the step names it. Empty where it asks for a capability, or the engine does it itself."
    )
    performer = serializers.CharField(
        source="performing.agent",
        help_text="The agent that has it, had it last, or stands in; empty: nobody was called.",
    )
    agent_until = serializers.DateTimeField(
        source="performing.until",
        allow_null=True,
        help_text="The performer answers later, and is to be heard of by then; null where a worker waits for it.",
    )
    degraded = AnyField(
        help_text="Where the result is its fallback's: `by` whom, for which `cause`, and `why`; null where it is not."
    )
    pool = serializers.CharField()
    state = StateField(StepState)
    why = serializers.CharField(
        allow_null=True,
        help_text="Why it does not run, since when, and who can move it on; null if it runs or is over.",
    )
    on_failure = serializers.CharField()
    attempt = serializers.IntegerField(help_text="How often it has been claimed.")
    failures = serializers.IntegerField(help_text="How many attempts failed or timed out.")
    error = AnyField(help_text="The last error: code, message, type.")
    available_at = serializers.DateTimeField(allow_null=True, help_text="It is not tried again before.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class AttemptSerializer(serializers.Serializer[Any]):
    """One claim of a step by a worker."""

    number = serializers.IntegerField()
    worker = serializers.UUIDField()
    outcome = StateField(AttemptOutcome)
    performer = serializers.CharField(help_text="The agent that was chosen or called; empty: that of the step.")
    decision = AnyField(
        help_text="Why this agent: strategy, reasons, who was left out; null where there was nothing to decide."
    )
    error = AnyField()
    details = AnyField(help_text="What the agent said in its last heartbeat.")
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ItemSerializer(serializers.Serializer[Any]):
    """One item of a `for_each` step."""

    key = serializers.CharField()
    position = serializers.IntegerField()
    item = AnyField(help_text="The item of the list.")
    state = StateField(StepState)
    attempt = serializers.IntegerField()
    result = AnyField()
    error = AnyField()


class ItemPageSerializer(serializers.Serializer[Any]):
    """A page of items."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ItemSerializer(many=True)


class RoundSerializer(serializers.Serializer[Any]):
    """A round of a step."""

    round = serializers.IntegerField()
    state = StateField(StepState)
    finished_at = serializers.DateTimeField(allow_null=True)


class RoundStepSerializer(serializers.Serializer[Any]):
    """A step of a round of a phase."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    state = StateField(StepState)
    attempts = serializers.IntegerField()
    result_sha256 = serializers.CharField(
        allow_blank=True, help_text="Over the result with sorted keys and no white space; empty where there is none."
    )


class PhaseRoundSerializer(serializers.Serializer[Any]):
    """A round of a phase."""

    round = serializers.IntegerField(source="number")
    iteration = serializers.IntegerField(help_text="Counted from 1 since the phase was last begun anew.")
    is_present = serializers.BooleanField()
    steps = RoundStepSerializer(many=True)
    quality = AnyField(help_text="What each quality condition said: name, met, otherwise, detail.")
    approvals = ApprovalSerializer(many=True)
    sent_back_because = serializers.ListField(
        source="reasons", child=serializers.CharField(), help_text="The reasons that the next round was given."
    )


class DiffLineSerializer(serializers.Serializer[Any]):
    """A line of a difference."""

    sign = serializers.CharField(help_text="`-` of the first, `+` of the second, a blank of both, `@` left out.")
    text = serializers.CharField(allow_blank=True)


class StepComparedSerializer(serializers.Serializer[Any]):
    """A step in two rounds."""

    key = serializers.CharField()
    before = RoundStepSerializer(allow_null=True)
    after = RoundStepSerializer(allow_null=True)
    lines = DiffLineSerializer(many=True, help_text="In what the results differ; empty where they are the same.")


class RoundsComparedSerializer(serializers.Serializer[Any]):
    """Two rounds laid side by side."""

    first = serializers.IntegerField()
    second = serializers.IntegerField()
    steps = StepComparedSerializer(many=True)


class PhaseRoundsSerializer(serializers.Serializer[Any]):
    """The rounds of a phase."""

    project = serializers.UUIDField()
    phase = serializers.CharField()
    title = serializers.CharField()
    rounds = PhaseRoundSerializer(many=True)
    compared = RoundsComparedSerializer(allow_null=True, help_text="Where `compare` names two rounds.")


class StepDetailSerializer(StepSerializer):
    """A step, whole."""

    params = ObjectField(help_text="As in the blueprint, its expressions not evaluated.")
    when = serializers.CharField(allow_null=True)
    needs = serializers.ListField(child=serializers.CharField())
    item = AnyField(help_text="Of an item of a `for_each` step: what it is for.")
    result = AnyField()
    attempts = AttemptSerializer(many=True)
    rounds = RoundSerializer(many=True)
    items = ItemPageSerializer(allow_null=True, help_text="Of a `for_each` step or a search: its items.")
    search = SearchSerializer(allow_null=True, help_text="Of a step of kind `swarm` that has begun: how far it is.")


class EventSerializer(serializers.Serializer[Any]):
    """One fact of a project's history."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    actor = serializers.CharField()
    subject = serializers.CharField()
    data = AnyField()  # type: ignore[assignment]
    seq = serializers.SerializerMethodField(help_text="Its place in the hash chain; null until it is sealed.")
    hash = serializers.SerializerMethodField(help_text="SHA-256 of its link in the chain, in hexadecimal.")

    def get_seq(self, event: Event) -> int | None:
        """From its seal."""
        seal = getattr(event, "seal", None)
        return None if seal is None else seal.seq

    def get_hash(self, event: Event) -> str | None:
        """From its seal."""
        seal = getattr(event, "seal", None)
        return None if seal is None else bytes(seal.hash).hex()


class DocumentSerializer(serializers.Serializer[Any]):
    """A document of a project."""

    id = serializers.UUIDField()
    position = serializers.IntegerField()
    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(source="content_size", help_text="In bytes.")
    sha256 = serializers.CharField(source="content_id")
    created_at = serializers.DateTimeField()


class GraphNodeSerializer(serializers.Serializer[Any]):
    """A box: a phase, or a step of its present round."""

    id = serializers.CharField()
    kind = NamedChoiceField("GraphNodeKind", {"phase": "", "step": "", "gate": "What a phase has to pass at its end."})
    label = serializers.CharField()  # type: ignore[assignment]
    phase = serializers.CharField()
    state = serializers.CharField()
    agent = serializers.CharField(allow_null=True)
    items = serializers.DictField(
        child=serializers.IntegerField(), help_text="Of a `for_each` step: how many items are in which state."
    )


class GraphEdgeSerializer(serializers.Serializer[Any]):
    """An arrow."""

    source = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField()
    kind = NamedChoiceField("GraphEdgeKind", {"needs": "The target needs the source.", "order": "Phases in order."})


class GraphSerializer(serializers.Serializer[Any]):
    """What is drawn of a project: nodes in order, edges by their ids."""

    nodes = GraphNodeSerializer(many=True)
    edges = GraphEdgeSerializer(many=True)
