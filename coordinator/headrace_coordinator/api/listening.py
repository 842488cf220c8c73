"""The address that the API is served on, taken before anything else is started."""

from __future__ import annotations

import errno
import socket

from headrace_protocol.errors import ConfigError, PortInUse

BACKLOG = 1024
UNANSWERED_MS = 30_000
"""After this long without acknowledgement the kernel drops a connection (TCP_USER_TIMEOUT)."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address. Raises PortInUse, ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)
    try:
        bound.bind((host, port))
        # Two sockets may be bound to a port with SO_REUSEADDR as long as neither listens.
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise PortInUse(
                f"port {port} cannot be listened on: {error.strerror}",
                where=f"{host}:{port}",
                found=f"port {port}",
                expected="a free port",
                fix="Choose another with --port, or --port 0 for any free one.",
            ) from error
        raise ConfigError(
            f"cannot listen on {host}: {error.strerror or error}",
            where="host",
            found=host,
            expected="an address of this machine",
        ) from error
    bound.setblocking(False)
    return bound
