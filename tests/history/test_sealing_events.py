"""The sealer misses no event, seals none twice, waits for nobody, and lets nobody wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestrator_site.history import sealing, statements
from orchestrator_site.history import services as history
from orchestrator_site.history.models import Event, Head, Position, Seal
from orchestrator_site.history.sealing import seal_all, seal_pending, sealing_lag
from orchestrator_site.history.verifying import verify_stream
from tests.sealing import nothing_older_runs, seal_everything

APPEND = "INSERT INTO history_event (stream, kind, actor) VALUES (%s, %s, 'other') RETURNING id"

pytestmark = pytest.mark.django_db(transaction=True)


def places(stream: UUID) -> list[tuple[int, str]]:
    rows = Seal.objects.filter(stream=stream).order_by("seq").select_related("event")
    return [(seal.seq, seal.event.kind) for seal in rows]


def test_sealed_events_form_one_chain_for_each_stream() -> None:
    one, two = uuid4(), uuid4()
    for number in range(3):
        history.append(one, f"one.{number}", actor="system")
        history.append(two, f"two.{number}", actor="system")

    nothing_older_runs()
    assert seal_pending() == 6
    assert places(one) == [(1, "one.0"), (2, "one.1"), (3, "one.2")]
    assert places(two) == [(1, "two.0"), (2, "two.1"), (3, "two.2")]
    chain = list(Seal.objects.filter(stream=one).order_by("seq"))
    assert bytes(chain[0].previous) == bytes(32)
    assert [bytes(seal.previous) for seal in chain[1:]] == [bytes(seal.hash) for seal in chain[:-1]]
    head = Head.objects.get(stream=one)
    assert (head.seq, bytes(head.hash)) == (3, bytes(chain[-1].hash))


def test_what_was_written_first_and_committed_last_is_not_skipped(
    other_connection: BaseDatabaseWrapper,
) -> None:
    mine = uuid4()
    other_connection.set_autocommit(False)
    with other_connection.cursor() as cursor:
        cursor.execute(APPEND, [mine, "slow.first"])
        lower = cursor.fetchone()[0]
    higher = history.append(mine, "quick.second", actor="system")
    assert lower < higher

    # The quick one committed, but a transaction that began before it is open: nothing is sealed past that.
    assert seal_all() == 0
    assert sealing_lag().events == 1
    other_connection.commit()
    assert seal_everything() == 2
    assert places(mine) == [(1, "slow.first"), (2, "quick.second")]
    assert verify_stream(mine).ok


def test_an_event_that_commits_after_higher_ones_were_sealed_still_gets_its_seal(
    other_connection: BaseDatabaseWrapper,
) -> None:
    mine = uuid4()
    history.append(mine, "a", actor="system")
    nothing_older_runs()
    other_connection.set_autocommit(False)
    with other_connection.cursor() as cursor:
        cursor.execute(APPEND, [mine, "slow"])
    assert seal_all() == 1  # what was written before the slow transaction began
    history.append(mine, "b", actor="system")
    assert seal_all() == 0
    other_connection.commit()

    assert seal_everything() == 2
    assert [kind for _, kind in places(mine)] == ["a", "slow", "b"]


def test_a_transaction_that_is_rolled_back_leaves_no_gap_in_the_chain(
    other_connection: BaseDatabaseWrapper,
) -> None:
    mine = uuid4()
    other_connection.set_autocommit(False)
    with other_connection.cursor() as cursor:
        cursor.execute(APPEND, [mine, "never"])
    history.append(mine, "a", actor="system")
    other_connection.rollback()

    assert seal_everything() == 1
    assert places(mine) == [(1, "a")]


def test_a_second_sealer_goes_away_while_the_first_works(other_connection: BaseDatabaseWrapper) -> None:
    history.append(uuid4(), "a", actor="system")
    nothing_older_runs()
    other_connection.set_autocommit(False)
    with other_connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [sealing._LOCK])

    assert seal_pending() == 0
    other_connection.rollback()
    assert seal_pending() == 1


def test_sealers_and_writers_at_once_seal_each_event_once() -> None:
    streams = [uuid4() for _ in range(3)]
    writing = threading.Event()
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write() -> None:
        for number in range(60):
            with transaction.atomic():
                for stream in streams:
                    history.append(stream, f"k.{number}", actor=threading.current_thread().name)

    def seal() -> None:
        while not writing.is_set():
            seal_pending(limit=50)

    sealers = [guarded(seal) for _ in range(3)]
    writers = [guarded(write) for _ in range(4)]
    for writer in writers:
        writer.join()
    writing.set()
    for sealer in sealers:
        sealer.join()
    seal_everything()

    assert not errors
    for stream in streams:
        found = verify_stream(stream)
        assert (found.fault, found.sealed, found.unsealed) == (None, 240, 0)
    assert Position.objects.get().sealed == Seal.objects.count() == 720


def test_batches_may_be_as_small_as_one_wishes() -> None:
    mine = uuid4()
    with transaction.atomic():
        for number in range(7):
            history.append(mine, f"k.{number}", actor="system")

    nothing_older_runs()
    assert [seal_pending(limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert verify_stream(mine).sealed == 7


def test_an_idle_sealer_writes_nothing() -> None:
    history.append(uuid4(), "a", actor="system")
    seal_everything()
    before = Position.objects.get()
    for _ in range(3):
        seal_pending()

    after = Position.objects.get()
    assert (before.transaction, before.event, before.sealed) == (
        after.transaction,
        after.event,
        after.sealed,
    )


def test_the_lag_tells_how_many_wait_and_how_long() -> None:
    assert sealing_lag().events == 0
    history.append(uuid4(), "a", actor="system")
    lag = sealing_lag()
    assert lag.events == 1
    assert 0 <= lag.seconds < 30
    seal_everything()
    assert (sealing_lag().events, sealing_lag().seconds) == (0, 0.0)


def test_the_work_does_not_grow_with_history(stream: UUID) -> None:
    history.append_many(history.NewEvent(uuid4(), "k", "system") for _ in range(3000))
    seal_everything()
    history.append(stream, "one.more", actor="system")
    position = Position.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE history_event, history_seal")
        cursor.execute(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + statements.UNSEALED_BEHIND,
            [position.transaction, position.event, 2**62, 5000],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "history_event_in_order_of_writing" in plan
    assert "Seq Scan" not in plan


class TestADumpRestoredOnAnotherServer:
    """Its rows carry transaction numbers of the old count; the new server counts from a low number again."""

    def test_what_was_unsealed_is_sealed_once_and_nothing_twice(self, stream: UUID, tamper: Callable[..., int]) -> None:
        history.append(stream, "before.the.dump", actor="system")
        tamper("UPDATE history_event SET transaction = (transaction::text::bigint + 1000000000)::text::xid8")
        tamper("UPDATE history_position SET cluster = 42, transaction = '1000000500'")
        history.append(stream, "after.the.restore", actor="system")

        assert seal_everything() == 2
        found = verify_stream(stream)
        assert (found.fault, found.sealed, found.unsealed) == (None, 8, 0)
        history.append(stream, "later", actor="system")
        assert seal_everything() == 1
        assert Position.objects.get().transaction < 1_000_000_000

    def test_in_batches_too(self, stream: UUID, tamper: Callable[..., int]) -> None:
        for number in range(5):
            history.append(stream, f"k.{number}", actor="system")
        tamper("UPDATE history_event SET transaction = (transaction::text::bigint + 1000000000)::text::xid8")
        tamper("UPDATE history_position SET cluster = 42, transaction = '1000000500'")

        nothing_older_runs()
        assert [seal_pending(limit=2) for _ in range(4)] == [2, 2, 1, 0]
        assert verify_stream(stream).sealed == 11
        history.append(stream, "later", actor="system")
        assert seal_everything() == 1

    def test_when_the_new_count_comes_to_the_old_numbers_they_are_not_sealed_again(
        self, stream: UUID, tamper: Callable[..., int]
    ) -> None:
        here = Position.objects.get().transaction
        ahead = here + 30
        tamper("UPDATE history_event SET transaction = %s::text::xid8", ahead)
        tamper("UPDATE history_position SET cluster = 42, transaction = %s::text::xid8", ahead + 5)
        seal_all()
        for number in range(40):
            history.append(stream, f"k.{number}", actor="system")
            seal_pending()
        seal_everything()

        found = verify_stream(stream)
        assert (found.fault, found.sealed, found.unsealed) == (None, 46, 0)

    def test_on_the_same_server_a_count_that_was_set_back_is_noticed(
        self, stream: UUID, tamper: Callable[..., int]
    ) -> None:
        tamper("UPDATE history_position SET transaction = '99999999999'")
        history.append(stream, "after", actor="system")

        assert seal_everything() == 1
        assert Event.objects.filter(stream=stream, seal__isnull=True).count() == 0


def test_a_chain_whose_end_was_cut_off_is_not_continued_and_holds_up_no_other(
    stream: UUID, tamper: Callable[..., int]
) -> None:
    other = uuid4()
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq > 4", stream)
    history.append(stream, "more", actor="system")
    history.append(other, "more", actor="system")

    assert seal_everything() == 1
    assert verify_stream(other).ok
    assert not verify_stream(stream).ok
