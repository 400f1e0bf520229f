"""Raw Celery doing the same with nothing durable: what the engine's figures stand beside."""

from __future__ import annotations

import os

from celery import Celery

# Not the current application: that stays the product's, whose messages would else take this one's broker.
app = Celery("raw", set_as_current=False, broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(
    task_default_queue="raw",
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    broker_transport_options={"global_keyprefix": "raw:"},
    result_backend_transport_options={"global_keyprefix": "raw:"},
)


@app.task
def nothing(*_: object) -> None:
    """A step that does nothing."""
