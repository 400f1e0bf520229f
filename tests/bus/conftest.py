"""Brokers for the tests of the bus: a Redis and, where it is installed, a RabbitMQ, each of the tests' own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator_site.bus.bus import Bus, Options
from orchestrator_site.bus.redelivery import Policy
from orchestrator_site.bus.wire import Limits
from orchestrator_site.clock import new_id
from orchestrator_site.embedded.addresses import redis_socket
from orchestrator_site.embedded.redis import Redis
from orchestrator_site.embedded.server_user import server_user
from tests.bus.rabbitmq import RabbitMQ, program

QUICK = Options(
    batch=50, policy=Policy(max_deliveries=3, base=0.02, cap=0.1), limits=Limits(visibility=2.0, pack_events=20)
)


class RedisBroker:
    """A Redis that can be killed and started again."""

    name = "redis"

    def __init__(self, var: Path) -> None:
        (var / "log").mkdir(parents=True)
        self._server = Redis(var, server_user(var))
        self.url = f"redis+socket://{redis_socket(var)}?virtual_host=0"

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        from orchestrator_site.embedded import owned

        process = owned.process_in(self._server._pid_file, self._server._mark)
        assert process is not None
        process.kill()
        process.wait(10)

    def close(self) -> None:
        self._server.stop()


@dataclass(slots=True)
class Broker:
    """A broker under test, and the Redis of the ledger, which may be the same."""

    server: RedisBroker | RabbitMQ
    ledger: RedisBroker

    @property
    def name(self) -> str:
        return "redis" if self.server is self.ledger else "rabbitmq"

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="session")
def redis_broker() -> Iterator[RedisBroker]:
    """A Redis of its own, with the settings of the embedded one."""
    with tempfile.TemporaryDirectory(prefix="bus-") as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        broker = RedisBroker(Path(folder) / "var")
        broker.start()
        yield broker
        broker.close()


@pytest.fixture(scope="session")
def rabbitmq_broker() -> Iterator[RabbitMQ]:
    """A RabbitMQ of its own."""
    if program() is None:
        pytest.skip("RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)")
    with tempfile.TemporaryDirectory(prefix="bus-rabbitmq-") as folder:
        broker = RabbitMQ(Path(folder))
        try:
            broker.start()
            yield broker
        finally:
            broker.close()


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, redis_broker: RedisBroker) -> Broker:
    """Each broker in turn."""
    if request.param == "redis":
        return Broker(redis_broker, redis_broker)
    return Broker(request.getfixturevalue("rabbitmq_broker"), redis_broker)


@pytest.fixture
def make_bus(broker: Broker) -> Iterator[Callable[..., Bus]]:
    """Makes buses of one prefix, which no other test has: as many processes of one installation have."""
    made: list[Bus] = []
    prefix = f"t{new_id().hex[-8:]}"

    def make(options: Options = QUICK, **changed: Any) -> Bus:
        from dataclasses import replace

        bus = Bus(broker.url, ledger_url=broker.ledger.url, options=replace(options, prefix=prefix, **changed))
        made.append(bus)
        return bus

    yield make
    for bus in made:
        bus.close()


@pytest.fixture
def bus(make_bus: Callable[..., Bus]) -> Bus:
    """A bus on an empty corner of the broker."""
    return make_bus()
