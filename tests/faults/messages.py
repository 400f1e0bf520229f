"""Messages that come twice, late or never: those that wait in the queues, and those that are on their way there."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

from tests.faults.rounds import Round


def with_queue(change: Callable[[list[bytes], random.Random], list[bytes]], round_: Round, least: int = 3) -> None:
    """The messages that wait in the queues, as soon as they are ``least``, are others than before."""
    round_.begin()
    until = time.monotonic() + 20
    while not sum(map(len, round_.arena.queued().values())) >= least:
        round_.look_after(until, "no messages waited")
    with round_.arena.broker() as client:
        for name, messages in round_.arena.queued().items():
            changed = change(list(messages), round_.rng)
            pipe = client.pipeline()
            pipe.delete(name)
            if changed:
                pipe.rpush(name, *changed)
            pipe.execute()
            round_.broke(max(1, abs(len(changed) - len(messages))))


def doubled(messages: list[bytes], rng: random.Random) -> list[bytes]:
    return messages * rng.randint(2, 5)


def reordered(messages: list[bytes], rng: random.Random) -> list[bytes]:
    return rng.sample(messages, len(messages))


def lost(_messages: list[bytes], _rng: random.Random) -> list[bytes]:
    return []


# --- on their way ----------------------------------------------------------------------------------------------------

SENT = b"*3\r\n$5\r\nLPUSH\r\n"
OF_PROJECT = re.compile(rb'"task": ?"projects\.(run_leg|run_bundle|advance)"')


def twice(command: bytes) -> bytes:
    """The same with its last argument, the message, once more."""
    message = command[command.rindex(b"$", 0, command.index(b"{")) :]
    return b"*4" + command[2:] + message


def before_all_others(command: bytes) -> bytes:
    """To the end of the queue from which it is taken."""
    return command.replace(b"LPUSH", b"RPUSH", 1)


def never(command: bytes) -> bytes:
    """To a queue that nobody reads."""
    return command.replace(b"phasegate:", b"nobody...:", 1)


def on_their_way(change: Callable[[bytes], bytes], round_: Round, most: int = 4) -> None:
    """The next messages of projects are changed on their way to Redis, whoever sends them; who sends learns nothing."""
    left = most

    def changed(command: bytes) -> bytes:
        nonlocal left
        if not left or not command.startswith(SENT) or not OF_PROJECT.search(command):
            return command
        left -= 1
        round_.broke()
        return change(command)

    round_.arena.redis.change = changed
