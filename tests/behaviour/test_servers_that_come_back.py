"""What a worker process keeps between tasks is sound again after PostgreSQL or Redis was away."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from celery import current_app
from celery.signals import task_prerun
from django.db import connection
from redis.exceptions import TimeoutError as RedisTimeout

from projects import sql
from projects.tasks import advance

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_connection_that_the_server_closed_between_two_tasks_is_replaced_before_the_next() -> None:
    """Each thread of the io worker has its own; none may fail a leg to find out."""
    cut, went_on = threading.Event(), threading.Event()
    found: list[Any] = []

    def thread_of_the_pool() -> None:
        try:
            task_prerun.send(sender=advance)
            found.append(_pid())
            cut.wait(10)
            task_prerun.send(sender=advance)
            found.append(sql.rows("pulse_overdue", work="none", bound=1.0)[0]["overdue"])
        except Exception as error:
            found.append(error)
        finally:
            connection.close()
            went_on.set()

    thread = threading.Thread(target=thread_of_the_pool)
    thread.start()
    while not found:
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [found[0]])
    cut.set()
    went_on.wait(10)
    thread.join()

    assert found[1:] == [True]


def _pid() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def test_a_message_that_could_not_be_acknowledged_does_not_keep_its_worker_from_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker takes so many at once; one that were counted for ever would make it deaf until its restart."""
    with current_app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        channel.basic_qos(0, 1, False)
        with broker.SimpleQueue("test-acknowledging") as queue:
            queue.put({"n": 1})
            message = queue.get(timeout=5)
            assert not channel.qos.can_consume()

            def no_answer(*_: Any) -> Any:
                raise RedisTimeout("Timeout reading from socket")

            monkeypatch.setattr(channel.qos, "_remove_from_indices", no_answer)
            with pytest.raises(RedisTimeout):
                message.ack()

            assert channel.qos.can_consume()
            monkeypatch.undo()
            queue.clear()
