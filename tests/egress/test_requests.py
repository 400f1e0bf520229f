"""Requests to real servers: where they go, when they end, how much they bring, and what they leave at home."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.http import client, egress
from agents.http.client import Reply, request
from agents.http.egress import Rules
from agents.http.errors import EgressRefused, NotReached, PhasegateError, ReplyBroken, ReplyTooLarge, TookTooLong
from agents.http.pool import GuardedTransport, transport, trusted_by
from orchestrator_site.conf import conf
from tests.egress.servers import OK, Server, says

HERE = Path(__file__).parent
LOCAL = Rules.of(["127.0.0.0/8"], [443])


@pytest.fixture(autouse=True)
def read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PHASEGATE_EGRESS_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("PHASEGATE_AGENT_ANSWER_MAX_BYTES", "100000")
    conf.cache_clear()
    yield
    monkeypatch.undo()
    conf.cache_clear()


def through(resolver: egress.Resolver, rules: Rules = LOCAL, ca: Path | None = None) -> GuardedTransport:
    return GuardedTransport(rules, trusted=trusted_by(ca), resolver=resolver)


def get(server: Server, timeout: float = 5, **more: Any) -> Reply:
    return request("GET", f"http://127.0.0.1:{server.port}/", timeout=timeout, **more)


# --- where a request goes --------------------------------------------------------------------------------------------


def test_a_name_that_flips_between_the_check_and_the_connection_gains_nothing() -> None:
    """DNS rebinding: the name was public when the agent was registered, and leads inside when it is called."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    public = Rules.of([], [443])
    flips: egress.Resolver = lambda host, port: next(answers)  # noqa: E731
    with Server(says(OK), tls=True) as inside:
        registered = egress.Target("agent.test", inside.port, plain=False)
        egress.permitted(egress.Target("agent.test", 443, plain=False), public, timeout=1, resolver=flips)

        with pytest.raises(EgressRefused, match="loopback"):
            request("POST", f"https://agent.test:{registered.port}/", timeout=2, through=through(flips, public))

    assert inside.connections == 0


def test_the_name_is_asked_once_and_the_address_that_was_seen_is_the_one_connected_to() -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> Iterable[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.9.9.9"]

    with Server(says(OK)) as server:
        way = through(once)
        for _ in range(2):
            assert request("GET", f"http://agent.test:{server.port}/x", timeout=2, through=way).body == b"ok"

    assert asked == ["agent.test"]
    assert server.connections == 1
    assert f"Host: agent.test:{server.port}".encode() in server.requests[0]


def test_the_name_stays_in_tls_and_is_checked_against_the_certificate() -> None:
    here: egress.Resolver = lambda host, port: ["127.0.0.1"]  # noqa: E731
    with Server(says(OK), tls=True) as server:
        way = through(here, ca=HERE / "agent.test.crt.pem")
        assert request("GET", f"https://agent.test:{server.port}/", timeout=3, through=way).status == 200
        assert server.names == ["agent.test"]

        with pytest.raises(NotReached, match="certificate verify failed"):
            request("GET", f"https://other.test:{server.port}/", timeout=3, through=way)
        with pytest.raises(NotReached, match="certificate verify failed"):
            request("GET", f"https://agent.test:{server.port}/", timeout=3, through=through(here))


def test_a_public_host_is_not_asked_without_tls() -> None:
    with pytest.raises(EgressRefused, match="need https"):
        request("GET", "http://agent.test/", timeout=2, through=through(lambda host, port: ["93.184.215.14"]))


def test_the_second_address_is_tried_where_the_first_is_silent() -> None:
    with Server(says(OK)) as server:
        way = through(lambda host, port: ["127.0.0.2", "127.0.0.1"])
        assert request("GET", f"http://agent.test:{server.port}/", timeout=3, through=way).status == 200


def test_redirects_are_replies() -> None:
    with Server(says(OK)) as inside:
        to = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        with Server(says(to)) as server:
            assert get(server).status == 302

    assert inside.connections == 0


def test_no_proxy_of_the_environment_connects_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(says(OK)) as proxy, Server(says(OK)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        get(server)

    assert (proxy.connections, server.connections) == (0, 1)


def test_nothing_of_one_reply_is_sent_with_the_next_request() -> None:
    with Server(says(b"HTTP/1.1 200 OK\r\nSet-Cookie: s=1; Path=/\r\nContent-Length: 2\r\n\r\nok")) as server:
        get(server)
        get(server)

    assert b"cookie" not in server.requests[1].lower()


def test_the_file_of_passwords_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Server(says(OK)) as server:
        get(server)

    assert b"authorization" not in server.requests[0].lower()


# --- when it ends ----------------------------------------------------------------------------------------------------


def slowly(data: bytes, every: float = 0.05) -> Callable[[socket.socket, bytes], bool]:
    def speak(sock: socket.socket, request: bytes) -> bool:
        for place in range(len(data)):
            sock.sendall(data[place : place + 1])
            time.sleep(every)
        return True

    return speak


def silent(sock: socket.socket, request: bytes) -> bool:
    time.sleep(5)
    return False


@pytest.mark.parametrize(
    "speak",
    [
        slowly(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 100),
        slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500),
        silent,
    ],
    ids=["headers byte by byte", "a body byte by byte", "silence"],
)
def test_the_deadline_is_of_the_whole_request(speak: Callable[[socket.socket, bytes], bool]) -> None:
    with Server(speak) as server:
        began = time.monotonic()
        with pytest.raises(TookTooLong):
            get(server, timeout=0.5)

    assert 0.4 < time.monotonic() - began < 3


def test_a_server_that_does_not_read_does_not_hold_us() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with listening, pytest.raises(TookTooLong):
        request("POST", url, timeout=0.5, body=b"x" * 50_000_000)

    assert time.monotonic() - began < 3


def test_a_tls_handshake_that_does_not_come_ends_with_the_time_to_connect() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    with listening, pytest.raises(NotReached):
        request("GET", f"https://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.5)

    assert time.monotonic() - began < 3


def test_whoever_looks_can_end_it_and_the_server_sees_us_hang_up() -> None:
    class Enough(Exception):
        pass

    def look(received: int) -> None:
        raise Enough

    def waits(sock: socket.socket, request: bytes) -> bool:
        sock.settimeout(10)
        return bool(sock.recv(1))

    with Server(waits) as server:
        with pytest.raises(Enough):
            get(server, timeout=30, look=look)
        assert server.hung_up.wait(5)


def test_a_slow_body_is_waited_for_past_several_looks() -> None:
    looked: list[int] = []

    def speak(sock: socket.socket, request: bytes) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(2.3)
        sock.sendall(b"cd")
        return True

    with Server(speak) as server:
        assert get(server, timeout=5, look=looked.append).body == b"abcd"

    assert len(looked) >= 2


def test_nobody_there_is_told_apart_from_nobody_answering() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotReached, match="refused"):
        request("GET", f"http://127.0.0.1:{port}/", timeout=1)


# --- what it brings --------------------------------------------------------------------------------------------------


def sized(body: bytes, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (sized(b"x" * 200_000), ReplyTooLarge),
        (sized(gzip.compress(b"x" * 50_000_000), "Content-Encoding: gzip"), ReplyTooLarge),
        (sized(gzip.compress(gzip.compress(b"x")), "Content-Encoding: gzip, gzip"), ReplyBroken),
        (sized(b"no gzip", "Content-Encoding: gzip"), ReplyBroken),
        (sized(b"x", "Content-Encoding: br"), ReplyBroken),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", ReplyBroken),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ReplyBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ReplyBroken),
        (b"", ReplyBroken),
    ],
    ids=["large", "bomb", "twice packed", "no gzip", "br", "headers", "ssh", "cut off", "hung up"],
)
def test_replies_that_are_none_or_too_large_are_refused(reply: bytes, error: type[PhasegateError]) -> None:
    def speak(sock: socket.socket, request: bytes) -> bool:
        sock.sendall(reply)
        return False

    with Server(speak) as server, pytest.raises(error):
        get(server)


def test_a_reply_that_is_packed_is_unpacked() -> None:
    with Server(says(sized(gzip.compress(b"x" * 90_000), "Content-Encoding: gzip"))) as server:
        assert get(server).body == b"x" * 90_000


# --- one pool a process ----------------------------------------------------------------------------------------------


def test_connections_are_kept_and_used_by_all_threads() -> None:
    with Server(says(OK)) as server:
        get(server)
        for _ in range(5):
            thread = threading.Thread(target=get, args=(server,))
            thread.start()
            thread.join()

    assert (len(server.requests), server.connections) == (6, 1)


def test_a_forked_process_makes_connections_of_its_own() -> None:
    with Server(says(OK)) as server:
        get(server)
        child = os.fork()
        if child == 0:
            try:
                ok = get(server).body == b"ok" and get(server).body == b"ok"
            except BaseException:
                ok = False
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert get(server).body == b"ok"

    assert server.connections == 2


def test_a_fork_while_another_thread_holds_the_pool_does_not_hang() -> None:
    with Server(says(OK)) as server:
        get(server)
        held = transport(client_rules(), conf().egress_ca_file)._pool._optional_thread_lock._lock
        with held:
            child = os.fork()
            if child == 0:
                os._exit(0 if get(server).body == b"ok" else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def client_rules() -> Rules:
    from agents.http.pool import rules_of

    return rules_of(conf().egress_allow, conf().egress_ports)


def test_old_versions_of_tls_are_not_spoken() -> None:
    assert trusted_by(None).minimum_version == ssl.TLSVersion.TLSv1_2
    assert trusted_by(None).check_hostname
    assert client.check("http://127.0.0.1:1/").plain
