"""Settings under which leases and recovery take tenths of seconds; read before Django is set up."""

from __future__ import annotations

QUICK = {
    "PHASEGATE_LEASE_SECONDS": "2",
    "PHASEGATE_HEARTBEAT_SECONDS": "0.5",
    "PHASEGATE_RECOVERY_SECONDS": "0.5",
    "PHASEGATE_AGENT_MODULES": "tests.faults.agents",
}
