"""Settings that cannot be."""

import pytest

from headrace.bus import BusOptions
from headrace.runtime import WorkerSettings
from headrace_protocol.errors import ConfigError


@pytest.mark.parametrize(
    "wrong",
    [
        {"slots": 0},
        {"processes": 0},
        {"prefetch": -1},
        {"ack_wait_s": 0},
        {"heartbeat_s": -1},
        {"queues": ("a.b",)},
    ],
)
def test_wrong_values(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        WorkerSettings(targets=("x.py",), **wrong)  # type: ignore[arg-type]


def test_addresses_are_shown_without_passwords() -> None:
    options = BusOptions(urls=("nats://me:secret@host:4222", "nats://other:4222"))
    assert options.shown == "host:4222, nats://other:4222"


def test_tls_files_that_are_not_there() -> None:
    assert BusOptions().tls() is None
    with pytest.raises(ConfigError, match="TLS"):
        BusOptions(tls_ca="/nowhere.pem").tls()
