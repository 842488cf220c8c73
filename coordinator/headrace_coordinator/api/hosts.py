"""Under which names the API may be asked for.

Who can make a name of theirs lead to 127.0.0.1 (DNS rebinding) has the browser take the API for a part of their own
site: their page reads answers and sends commands, and the origin that it tells is the host that it asks. So what
listens on this machine only answers to this machine's names.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def allowed_hosts(listening: socket.socket, host: str, named: Sequence[str]) -> tuple[str, ...]:
    """The names that are answered; empty: all of them, because others can reach the address anyway.

    `named` are further ones, as of a proxy on this machine: `flows.example.com`, `*.example.com`, or `*` for all.
    """
    if "*" in named or not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        return ()
    return (*LOOPBACK, host.lower(), *(name.strip().lower() for name in named))


def is_allowed(header: str, hosts: Sequence[str]) -> bool:
    """Whether a `Host` header names one of them; on which port does not matter."""
    name = name_of(header)
    return any(
        name == allowed or (allowed.startswith("*.") and name.endswith(allowed[1:])) for allowed in hosts
    )


def name_of(header: str) -> str:
    """The name in a `Host` header: without its port, and without the brackets of an IPv6 address."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
