"""Ports to listen on: the one asked for or an error, the usual one or the next best."""

from __future__ import annotations

import socket

from headrace_protocol.errors import PortInUse

HOST = "127.0.0.1"


def choose(asked: int | None, usual: int, flag: str) -> int:
    """The port asked for (0: any free one), else the usual one if it is free, else any free one.

    Raises PortInUse for one asked for.
    """
    if asked:
        if not is_free(asked):
            raise PortInUse(
                f"port {asked} is taken",
                where=f"{HOST}:{asked}",
                found="another process listens there",
                expected="a free port",
                fix=f"Choose another with {flag}, or {flag} 0 for any free one.",
            )
        return asked
    return usual if asked is None and is_free(usual) else any_free()


def is_free(port: int) -> bool:
    """Whether a server could listen on a port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def any_free() -> int:
    """A port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
