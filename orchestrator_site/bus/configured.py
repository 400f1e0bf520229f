"""The bus of this site, as its settings say."""

from __future__ import annotations

import functools
import importlib

from django.conf import settings

from orchestrator_site.bus.bus import Bus, Options
from orchestrator_site.bus.errors import BusMisconfigured
from orchestrator_site.bus.redelivery import Policy
from orchestrator_site.bus.wire import Limits
from orchestrator_site.conf import conf


@functools.cache
def bus() -> Bus:
    """The one bus of this process. Raises ``BusMisconfigured``."""
    given = conf()
    options = Options(
        prefix=given.bus_prefix,
        dedup_window=given.bus_dedup_seconds,
        batch=given.bus_batch,
        policy=Policy(max_deliveries=given.bus_max_deliveries, base=given.bus_retry_seconds),
        limits=Limits(visibility=given.bus_visibility_seconds),
    )
    return Bus(
        given.bus_url or settings.BROKER_URL, ledger_url=given.bus_ledger_url or settings.BROKER_URL, options=options
    )


def load_subscribers() -> list[str]:
    """Import the modules that subscribe to the bus, and name them. Raises ``BusMisconfigured``."""
    for name in conf().bus_modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise BusMisconfigured(f"PHASEGATE_BUS_MODULES names {name}, which cannot be imported: {error}.") from error
    return list(conf().bus_modules)
