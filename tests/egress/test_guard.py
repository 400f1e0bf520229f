"""Which addresses may be reached: the table, and how the ways around it end."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.http.egress import Resolver, Rules, Target, permitted, target_of, why_not
from agents.http.errors import EgressRefused, NotReached

PUBLIC = Rules()
HOST = Target("agent.example", 443, plain=False)

REFUSED = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254", "::ffff:0:7f00:1",
]  # fmt: skip
REACHED = [
    "93.184.215.14",
    "8.8.8.8",
    "172.32.0.1",
    "192.0.1.1",
    "100.128.0.1",
    "2606:2800:21f:cb07::1",
    "::ffff:8.8.8.8",
]


def answering(*addresses: str) -> Resolver:
    return lambda host, port: addresses


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(EgressRefused):
        permitted(HOST, PUBLIC, timeout=1, resolver=answering(address))


@pytest.mark.parametrize("address", REACHED)
def test_public_addresses_are_reached(address: str) -> None:
    assert permitted(HOST, PUBLIC, timeout=1, resolver=answering(address)) == [ipaddress.ip_address(address)]


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(EgressRefused, match=r"agent.example \(10.0.0.1\) may not be reached: it is private"):
        permitted(HOST, PUBLIC, timeout=1, resolver=answering("8.8.8.8", "10.0.0.1"))


@given(st.ip_addresses())
def test_no_address_is_reached_that_python_holds_for_not_global(address: ipaddress.IPv4Address) -> None:
    if not why_not(address, HOST, PUBLIC):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/", "https://017700000001/", "https://[::1]/",
        "https://[::ffff:7f00:1]/", "https://localhost/", "https://LOCALHOST./", "https://0/",
    ],
)  # fmt: skip
def test_loopback_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(EgressRefused, match="may not be reached"):
        permitted(target_of(url), PUBLIC, timeout=3)


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("ftp://agent.example/", "write https"),
        ("//agent.example/", "write https"),
        ("agent.example/x", "write https"),
        ("file:///etc/passwd", "write https"),
        ("https://user:pass@agent.example/", "names a user"),
        ("https://8.8.8.8@127.0.0.1/", "names a user"),
        ("https://agent.example/#top", "fragment"),
        ("https://agent.example:99999/", "no port"),
        ("https://agent.example:x/", "no port"),
        ("https:///x", "no host"),
        ("https://agent.example\\@127.0.0.1/", "signs"),
        ("https://agent.example/ x", "signs"),
        ("https://agent.example/\r\nHost: x", "signs"),
        ("https://ⓛocalhost/", "signs"),
        ("https://agent%2eexample/", "no host"),
    ],
)
def test_addresses_that_could_be_read_in_two_ways_are_refused(url: str, because: str) -> None:
    with pytest.raises(EgressRefused, match=because):
        target_of(url)


@pytest.mark.parametrize(
    ("allow", "target", "address", "reached"),
    [
        (["10.0.0.0/8"], Target("a.internal", 8080, True), "10.1.2.3", True),
        (["10.0.0.0/8"], Target("a.internal", 8080, True), "192.168.0.1", False),
        (["10.1.2.3"], Target("a.internal", 80, True), "10.1.2.3", True),
        (["10.0.0.0/8"], Target("a.internal", 80, True), "::ffff:10.1.2.3", True),
        (["a.internal"], Target("a.internal", 8080, True), "192.168.0.1", True),
        (["A.Internal."], Target("a.internal", 8080, True), "192.168.0.1", True),
        (["a.internal"], Target("b.a.internal", 443, False), "192.168.0.1", False),
        (["a.internal"], Target("a.internal", 80, True), "169.254.169.254", False),
        (["a.internal"], Target("a.internal", 80, True), "fe80::1", False),
        (["169.254.169.254/32"], Target("a.internal", 80, True), "169.254.169.254", True),
        ([], Target("a.example", 443, True), "8.8.8.8", False),
        ([], Target("a.example", 22, False), "8.8.8.8", False),
        ([], Target("a.example", 8443, False), "8.8.8.8", True),
        (["fd00::/8"], Target("a.internal", 80, True), "fd12::1", True),
    ],
)
def test_what_the_settings_name_is_reached_and_no_more(
    allow: list[str], target: Target, address: str, reached: bool
) -> None:
    refusal = why_not(ipaddress.ip_address(address), target, Rules.of(allow, [443, 8443]))

    assert (refusal == "") is reached


def test_a_host_that_nobody_knows_is_not_reached() -> None:
    def unknown(host: str, port: int) -> Iterable[str]:
        raise OSError("Name or service not known")

    with pytest.raises(NotReached, match=r"agent.example cannot be found"):
        permitted(HOST, PUBLIC, timeout=1, resolver=unknown)
    with pytest.raises(NotReached, match="no address"):
        permitted(HOST, PUBLIC, timeout=1, resolver=answering())


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    go_on = threading.Event()

    def hangs(host: str, port: int) -> Iterable[str]:
        go_on.wait(30)
        return ["8.8.8.8"]

    began = time.monotonic()
    with pytest.raises(NotReached, match="within"):
        permitted(HOST, PUBLIC, timeout=0.2, resolver=hangs)

    took = time.monotonic() - began
    go_on.set()
    assert took < 2
