"""How to reach and trust the bus."""

from __future__ import annotations

import ssl

import msgspec

from headrace_coordinator.bus.limits import is_subject
from headrace_protocol.errors import ConfigError


class NatsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Connection settings. Credentials are at most one of a creds file, user and password, or a token."""

    url: str = "nats://127.0.0.1:4222"
    """Several servers of a cluster are separated by commas."""
    creds: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    connect_timeout_s: float = 5.0
    replicas: int = 3
    """How many servers of a cluster hold each stream, as far as there are so many."""

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.url.split(",")]

    @property
    def shown(self) -> str:
        """The addresses without any password in them."""
        return ", ".join(server.rpartition("@")[2] for server in self.servers)

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context, None when nothing asks for one; raises ConfigError for unusable files."""
        if not (self.tls_ca or self.tls_cert):
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
                expected="readable PEM files",
            ) from error
        return context


def inboxes_of(prefixes: str) -> tuple[str, ...]:
    """What the subjects of inboxes begin with, from prefixes as NATS clients are given them: `_INBOX`, `_INBOX.shop`.

    Raises ConfigError for what is no subject, which would have answers go anywhere.
    """
    named = [prefix.strip().removesuffix(".") for prefix in prefixes.split(",")]
    for prefix in named:
        if not is_subject(prefix) or prefix.startswith(("$", "hr.")) or prefix == "hr":
            raise ConfigError(
                "not the prefix of an inbox",
                where="inbox_prefix",
                found=repr(prefix),
                expected="a subject of your own without wildcards, such as _INBOX or _INBOX.shop",
            )
    return tuple(f"{prefix}." for prefix in named)
