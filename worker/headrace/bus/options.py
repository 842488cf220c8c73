"""How to reach and trust the bus."""

from __future__ import annotations

import ssl

import msgspec

from headrace_protocol.errors import ConfigError

DEFAULT_URL = "nats://127.0.0.1:4222"


class BusOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Connection settings. Credentials are at most one of a creds file, user and password, or a token."""

    urls: tuple[str, ...] = (DEFAULT_URL,)
    name: str = "headrace"
    """Shown by the server's monitoring."""
    creds: str = ""
    """Path of a `.creds` file (JWT and seed)."""
    user: str = ""
    password: str = ""
    token: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    connect_timeout_s: float = 5.0
    reconnect_wait_s: float = 0.25
    """Between attempts on one server: short, because a worker without a bus does nothing."""
    ping_interval_s: float = 20.0
    """A connection whose peer vanished without a word is given up after two unanswered pings."""
    buffer_bytes: int = 8 * 1024 * 1024
    """What may wait to be sent while there is no server."""

    @property
    def shown(self) -> str:
        """The addresses, without any password in them."""
        return ", ".join(url.rsplit("@", 1)[-1] for url in self.urls)

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context, None when nothing asks for one; raises ConfigError for unusable files."""
        if not (self.tls_ca or self.tls_cert or self.tls_key):
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca or None)
            if self.tls_cert:
                context.load_cert_chain(self.tls_cert, self.tls_key or None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"the TLS files cannot be used: {error}",
                where="tls_ca, tls_cert, tls_key",
                found=", ".join(filter(None, (self.tls_ca, self.tls_cert, self.tls_key))),
                expected="PEM files that this user may read",
            ) from error
        return context
