"""What `headrace dev` asks of its coordinator, over HTTP. Each call blocks, and raises OSError."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException

import msgspec

from headrace_coordinator.local import ports
from headrace_coordinator.runtime.orders import LoadFailure

TIMEOUT_S = 5.0
_OK = 200


class _Worker(msgspec.Struct):
    pid: int
    state: str


class _Workers(msgspec.Struct):
    workers: list[_Worker]


def report_failures(port: int, failures: Sequence[LoadFailure]) -> None:
    """Say which files cannot be loaded now."""
    _ask(port, "PUT", "/api/v1/load-failures", msgspec.json.encode({"failures": failures}))


def live_workers(port: int) -> set[int | None]:
    """Process ids of the workers that were heard of."""
    found = msgspec.json.decode(_ask(port, "GET", "/api/v1/workers"), type=_Workers)
    return {worker.pid for worker in found.workers if worker.state == "live"}


def _ask(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    connection = HTTPConnection(ports.HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
    except HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    if answer.status != _OK:
        raise OSError(f"{method} {path} was answered with {answer.status}")
    return text
