"""What the rest of the product needs of departures: being told of them, and the sweep that finds them."""

from __future__ import annotations

from agents.services.departures import counts_running, on_gone, tell
from agents.services.sweeping import Swept, sweep

__all__ = ["Swept", "counts_running", "on_gone", "sweep", "tell"]
