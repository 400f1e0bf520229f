from __future__ import annotations
from typing import Any, Literal
from pydantic import BaseModel, ConfigDict

class M(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

class RetryPolicy(M):
    max_attempts: int = 3
    backoff: Literal["exponential","linear","constant"]="exponential"
    base: float = 1.0
    cap: float = 60.0
    jitter: Literal["none","full","equal","decorrelated"]="full"

class StepSpec(M):
    key: str
    title: str = ""
    kind: str = "agent"
    agent: str | None = None
    queue: Literal["cpu","io"] | None = None
    params: dict[str, Any] = {}
    needs: tuple[str, ...] = ()
    when: str | None = None
    on_failure: Literal["fail","continue","skip_dependents"]="fail"
    for_each: str | None = None
    max_parallel: int | None = None
    retry: RetryPolicy = RetryPolicy()
    timeout: float = 300.0

class QualityCondition(M):
    name: str
    check: str
    otherwise: Literal["fail","review","rework"]="fail"

class Approvers(M):
    groups: tuple[str, ...] = ()
    quorum: int = 1

class Escalation(M):
    groups: tuple[str, ...] = ()
    deadline: float | None = None

class ApprovalSpec(M):
    title: str
    description: str = ""
    approvers: Approvers = Approvers()
    form: dict[str, Any] | None = None
    content: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    deadline: float | None = None
    on_timeout: str = "reject"
    escalate_to: Escalation | None = None
    on_reject: str = "fail"

class GateSpec(M):
    quality: tuple[QualityCondition, ...] = ()
    approval: ApprovalSpec | None = None
    max_iterations: int = 1

class PhaseSpec(M):
    key: str
    title: str = ""
    steps: tuple[StepSpec, ...]
    gate: GateSpec | None = None

class DocumentsSpec(M):
    min: int = 0
    max: int | None = None

class Blueprint(M):
    name: str
    version: int
    title: str
    description: str = ""
    inputs: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    phases: tuple[PhaseSpec, ...]
    report: str | None = None
    deduplicate: bool = False
    documents: DocumentsSpec | None = None
