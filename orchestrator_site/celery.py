"""The Celery application: it carries ids between processes, and nothing that could not be lost."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")


class QoS(redis.QoS):
    """Counts a message as done also where Redis did not take the acknowledgement.

    Celery logs such an error and goes on, and kombu would count the message among those in hand for ever: a worker
    with a prefetch of one takes none any more. The message itself comes again after the visibility timeout, and
    claims nothing.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge."""
        try:
            super().ack(delivery_tag)
        except (RedisError, OSError):
            virtual.QoS.ack(self, delivery_tag)
            raise


redis.Channel.QoS = QoS
_channel: Any = redis.Channel
_make_client = _channel._create_client


def _client_of(channel: Any, asynchronous: bool = False) -> Any:
    """A channel's client, made once. kombu makes one for each message and each acknowledgement; what it holds is the
    pool of connections, which stays, and a table of commands that takes longer to fill than the message to send."""
    if asynchronous:
        return _make_client(channel, asynchronous=True)
    kept = channel.__dict__.get("_kept_client")
    if kept is None or kept.connection_pool is not channel.pool:
        kept = channel.__dict__["_kept_client"] = _make_client(channel)
    return kept


_channel._create_client = _client_of

app = Celery("phasegate")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes database connections around every task unless told how often one may be used again.
app.conf.CELERY_DB_REUSE_MAX = 1_000_000
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery asks before it sets up logging of its own: Django's settings have done it."""
