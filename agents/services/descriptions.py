"""What an agent says of itself when it is registered, in the form in which it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from agents import terms, versions
from agents.services import checking
from agents.values import Location, Performer, TransportName


@dataclass(frozen=True, slots=True)
class Description:
    """What an agent says of itself, checked."""

    name: str
    transport: TransportName
    version: str = "1.0.0"
    description: str = ""
    service_type: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    location: Location = Location()  # noqa: RUF009 a frozen value
    weight: float = 1.0
    priority: int = 0
    max_concurrency: int | None = None
    cost_per_call: float = 0.0

    def checked(self) -> Description:
        """The same in normal form. Raises ``AgentInvalid``, ``VersionInvalid`` or ``AgentSettingsRefused``."""
        checking.place(self.location)
        checking.document(self.settings, of="settings")
        checking.document(self.metadata, of="metadata")
        checking.numbers(weight=self.weight, cost_per_call=self.cost_per_call, max_concurrency=self.max_concurrency)
        normal = replace(
            self,
            name=checking.name(self.name, of="an agent"),
            transport=checking.transport(self.transport),
            version=versions.checked(self.version, of="an agent"),
            service_type=self.service_type and checking.name(self.service_type, of="a service type"),
            capabilities=checking.capabilities(self.capabilities),
            tags=tuple(checking.tags(self.tags)),
            description=self.description.replace("\x00", ""),
        )
        checking.settings(normal.performer())
        return normal

    def performer(self) -> Performer:
        """What its transport would be given."""
        return Performer(
            id="",
            name=self.name,
            version=self.version,
            transport=self.transport,
            settings=self.settings,
            service_type=self.service_type,
            capabilities=self.capabilities,
            tags=frozenset(self.tags),
            location=self.location,
        )

    @property
    def digest(self) -> str:
        """The same for the same description."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()

    def columns(self) -> dict[str, Any]:
        """As the row has it."""
        return {
            "version": self.version,
            "description": self.description,
            "service_type": self.service_type,
            "transport": self.transport.value,
            "settings": dict(self.settings),
            "tags": list(self.tags),
            "metadata": dict(self.metadata),
            "region": self.location.region,
            "zone": self.location.zone,
            "latitude": self.location.latitude,
            "longitude": self.location.longitude,
            "weight": self.weight,
            "priority": self.priority,
            "max_concurrency": self.max_concurrency,
            "cost_per_call": Decimal(str(self.cost_per_call)),
            "digest": self.digest,
            "features": terms.features(
                capabilities=self.capabilities,
                tags=self.tags,
                service_type=self.service_type,
                where=self.location,
                by=self.transport.value,
            ),
        }
