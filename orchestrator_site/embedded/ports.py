"""TCP ports of this machine: free or taken, listening or not."""

from __future__ import annotations

import errno
import socket

from orchestrator_site.embedded.errors import PortTaken


def require_free(host: str, port: int, option: str) -> None:
    """Raise ``PortTaken``, naming ``option`` as the way out, unless ``port`` can be listened on."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"Port {port} on {host} is taken by another program"
        elif error.errno == errno.EACCES:
            what = f"Port {port} on {host} is for privileged programs only"
        else:
            what = f"{host} port {port} cannot be listened on ({error.strerror})"
        raise PortTaken(f"{what}: choose another with {option}, or stop that program.", port=port) from None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.create_server((host, 0), family=_family(host)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
