"""The proxy before Redis changes messages on their way there, however the network cuts what was sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.messages import before_all_others, never, twice
from tests.faults.proxy import Commands


def sent(*arguments: bytes) -> bytes:
    """A command as clients of Redis write it."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in arguments)


QUEUE = b"phasegate:cpu.normal"
MESSAGE = b'{"body": "W1tdXQ==\\r\\n$9", "headers": {"task": "projects.run_leg"}}'
PUSH = sent(b"LPUSH", QUEUE, MESSAGE)


@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        (twice, sent(b"LPUSH", QUEUE, MESSAGE, MESSAGE)),
        (before_all_others, sent(b"RPUSH", QUEUE, MESSAGE)),
        (never, sent(b"LPUSH", b"nobody...:cpu.normal", MESSAGE)),
    ],
)
def test_a_message_comes_twice_first_or_never(change: Callable[[bytes], bytes], becomes: bytes) -> None:
    assert change(PUSH) == becomes


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_command_is_changed_once_and_whole(size: int) -> None:
    commands, stream = Commands(), PUSH + sent(b"PING") + PUSH
    seen: list[bytes] = []

    def change(command: bytes) -> bytes:
        seen.append(command)
        return command

    parts = [stream[place : place + size] for place in range(0, len(stream), size)]
    carried = b"".join(commands.changed(part, change) for part in parts)

    assert seen == [PUSH, sent(b"PING"), PUSH]
    assert carried == stream


def test_without_a_change_everything_is_carried_as_it_came() -> None:
    assert Commands().changed(PUSH[:9], None) == PUSH[:9]
