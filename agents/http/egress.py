"""Which addresses may be reached from here: the guard against server-side request forgery.

An agent's address is given by whoever registers it, and requests to it leave from inside. So the name is resolved,
*every* address it has must be permitted, and the connection is made to one of these very addresses, not to the name
again: a name server that answers otherwise the second time gains nothing.

Ranges: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), and the ranges that carry
an IPv4 address inside an IPv6 one (RFC 4291, 6052, 8215, 3056, 4380), through which a private address could be named.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from agents.http.errors import EgressRefused, NotReached

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Iterable[str]]
"""From a host and a port to the addresses of the host, as text. Raises ``OSError``."""

STANDARD_PORTS = {"http": 80, "https": 443}

# Even a host that is named in the settings may not lead here: the addresses of one link carry the credentials of
# cloud machines, and the rest is nobody's address.
_NEVER_BY_NAME: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("169.254.0.0/16", "link-local"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
    ("fd00:ec2::254/128", "metadata of a cloud machine"),
)
_NOT_PUBLIC: tuple[tuple[str, str], ...] = (
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("::/96", "loopback, or IPv4 inside IPv6"),
    ("::ffff:0:0:0/96", "translated IPv4"),
    ("64:ff9b::/96", "translated IPv4"),
    ("64:ff9b:1::/48", "translated IPv4"),
    ("100::/64", "a black hole"),
    ("2001::/23", "for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "IPv4 inside IPv6"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "for segment routing"),
    ("fc00::/7", "private"),
    ("fec0::/10", "site-local"),
)
_HARD = tuple((ipaddress.ip_network(network), kind) for network, kind in _NEVER_BY_NAME)
_SOFT = tuple((ipaddress.ip_network(network), kind) for network, kind in _NOT_PUBLIC)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|[0-9a-f:.]{2,45}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What is permitted beyond public addresses: ``networks`` and ``hosts``, on any port and without TLS too.

    Of public addresses only ``ports``.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({443, 8443})

    @classmethod
    def of(cls, allow: Iterable[str], ports: Iterable[int]) -> Rules:
        """Rules as the settings write them: networks and single addresses, and names of hosts."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for each in allow:
            try:
                networks.append(ipaddress.ip_network(each))
            except ValueError:
                hosts.add(each.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts), frozenset(ports))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: the host in lower case, without brackets; ``plain`` without TLS."""

    host: str
    port: int
    plain: bool


# --- the address as it is written ------------------------------------------------------------------------------------


def target_of(url: str) -> Target:
    """Where an address leads, if it is written as an agent's address may be. Raises ``EgressRefused``."""
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\"):
        raise EgressRefused("The address holds signs that an address cannot have; write names of hosts in ASCII.")
    parts = urlsplit(url)
    if parts.scheme not in STANDARD_PORTS:
        raise EgressRefused(f"The address begins with {parts.scheme or 'nothing'!r}: write https://.")
    if "@" in parts.netloc:
        raise EgressRefused("The address names a user: name a secret in the settings of the agent instead.")
    if parts.fragment:
        raise EgressRefused("The address has a fragment (#), which no server would see.")
    try:
        port = parts.port
    except ValueError:
        raise EgressRefused("The port of the address is no port.") from None
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host):
        raise EgressRefused(f"{host[:100]!r} is no host.")
    return Target(host, port if port is not None else STANDARD_PORTS[parts.scheme], parts.scheme == "http")


# --- the addresses that it resolves to -------------------------------------------------------------------------------


def permitted(target: Target, rules: Rules, *, timeout: float, resolver: Resolver | None = None) -> Sequence[Address]:
    """The addresses of the target; one of these is to be connected to, and no other.

    ``timeout`` in seconds. Raises ``EgressRefused`` where any of them may not be reached, ``NotReached`` where the
    host has none.
    """
    found = _resolved(target, timeout, resolver or _system_resolver)
    for address in found:
        reason = why_not(address, target, rules)
        if reason:
            raise EgressRefused(f"{_named(target.host, address)} may not be reached: {reason}.")
    return found


def why_not(address: Address, target: Target, rules: Rules) -> str:
    """Why an address of the target may not be reached; an empty text where it may."""
    inner = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    if any(inner in network for network in rules.networks):
        return ""
    kind = _kind(inner, _HARD)
    if kind:
        return f"it is {kind}, and PHASEGATE_EGRESS_ALLOW does not name its network"
    if target.host in rules.hosts:
        return ""
    kind = _kind(inner, _SOFT) or ("" if inner.is_global else "not public")
    if kind:
        return f"it is {kind}, and PHASEGATE_EGRESS_ALLOW names neither its network nor its host"
    if target.plain:
        return "public addresses need https"
    if target.port not in rules.ports:
        return f"port {target.port} is not among those of PHASEGATE_EGRESS_PORTS"
    return ""


def _kind(address: Address, ranges: Iterable[tuple[Network, str]]) -> str:
    return next((kind for network, kind in ranges if address in network), "")


def _named(host: str, address: Address) -> str:
    return host if host == str(address) else f"{host} ({address})"


def _resolved(target: Target, timeout: float, resolver: Resolver) -> list[Address]:
    try:
        return [ipaddress.ip_address(target.host)]
    except ValueError:
        pass  # a name, or a number in one of the old forms: the resolver reads those, and what it reads is checked
    try:
        texts = list(_within(timeout, lambda: list(resolver(target.host, target.port)), target.host))
    except (OSError, UnicodeError) as error:
        raise NotReached(f"The host {target.host} cannot be found: {error}.") from error
    if not texts:
        raise NotReached(f"The host {target.host} has no address.")
    return list(dict.fromkeys(ipaddress.ip_address(text) for text in texts))


def _system_resolver(host: str, port: int) -> Iterable[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _within(timeout: float, resolve: Callable[[], list[str]], host: str) -> list[str]:
    """The system's resolver knows no limit of time, so it is waited for from beside; a late answer is dropped."""
    outcome: list[list[str] | Exception] = []

    def run() -> None:
        try:
            outcome.append(resolve())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name=f"resolving {host}", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise NotReached(f"The host {host} was not found within {timeout:g} s.")
    found = outcome[0]
    if isinstance(found, Exception):
        raise found
    return found
