"""The coordinator's HTTP API, as commands use it.

On the standard library's client: it imports in a tenth of the time that a full HTTP library takes, and
commands make a few requests one after the other.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headrace.cli.deploy_views import DeployReport
from headrace.cli.failures import TimedOut, from_info
from headrace_protocol.deploys import DeployResult
from headrace_protocol.errors import ConfigError, ErrorCode, ErrorInfo, HeadraceError, Unavailable
from headrace_protocol.messages import DeploySet, LifecycleBatch

T = TypeVar("T")
PREFIX = "/api/v1"
TIMEOUT_S = 30.0
JSON = "application/json"
_ERROR, _CONFLICT, _UNPROCESSABLE = 400, 409, 422
PIECE_BYTES = 256 * 1024
_SETTING = "--api, HEADRACE_API or `api` in headrace.toml"

Value = str | int | None
Query = Mapping[str, Value] | Sequence[tuple[str, Value]]


class Decode(Protocol):
    """From an answer's bytes to a view."""

    def __call__(self, body: bytes, /, *, type: type[T]) -> T: ...


class _Problem(msgspec.Struct):
    """RFC 9457 problem details, with the fields of our errors as extensions."""

    title: str = ""
    detail: str = ""
    status: int = 0
    code: str = ""
    where: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""


class _Refused(msgspec.Struct):
    """A problem of a deploy set."""

    results: tuple[DeployResult, ...] = ()


class Api:
    """One coordinator's API. Every call raises the API's own errors, or Unavailable when none answers."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("not the URL of an API", where=_SETTING, found=url, expected="http://host:port")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._parts = parts
        self._base = parts.path.rstrip("/").removesuffix(PREFIX) + PREFIX
        self._timeout_s = timeout_s

    def get(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """A resource as a view."""
        return self._decoded(self.get_bytes(path, query), kind)

    def get_bytes(self, path: str, query: Query | None = None) -> bytes:
        """A resource as the JSON that was sent."""
        return self._exchange("GET", _with_query(path, query))

    def get_msgpack(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """A resource whose values are exact: the query asks for msgpack."""
        return self._decoded(self.get_bytes(path, query), kind, msgspec.msgpack.decode)

    def post(self, path: str, body: object, kind: type[T], headers: Mapping[str, str] | None = None) -> T:
        """Ask for something to be done."""
        return self._decoded(self._exchange("POST", path, msgspec.json.encode(body), headers), kind)

    def post_bytes(self, path: str, body: bytes, headers: Mapping[str, str], kind: type[T]) -> T:
        """Like `post`, with a body of any content type."""
        return self._decoded(self._exchange("POST", path, body, headers), kind)

    def put(self, path: str, body: object, kind: type[T]) -> T:
        """Make a resource what the body says."""
        return self._decoded(self._exchange("PUT", path, msgspec.json.encode(body)), kind)

    def delete(self, path: str, query: Query, kind: type[T]) -> T:
        """Remove a resource."""
        return self._decoded(self._exchange("DELETE", _with_query(path, query)), kind)

    def deploy(self, command: DeploySet) -> DeployReport:
        """Deploy a set; the report of one that is refused has the error in it."""
        connection = self._connection(self._timeout_s)
        try:
            response = self._send(
                connection, "POST", "/deploys", msgspec.json.encode(command), {}, (_CONFLICT, _UNPROCESSABLE)
            )
            status, body = response.status, response.read()
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if status < _ERROR:
            return self._decoded(body, DeployReport)
        refused = self._problem(status, body, "POST /deploys").info()
        results = self._decoded(body, _Refused).results
        return DeployReport(dry_run=command.dry_run, created=False, results=results, error=refused)

    def download(self, path: str, query: Query | None = None) -> Iterator[bytes]:
        """A resource in pieces, however large. The first item is its length in bytes, as a decimal number.

        Raises Unavailable when it ends too early.
        """
        connection = self._connection(self._timeout_s)
        try:
            response = self._send(connection, "GET", _with_query(path, query), None, {"Accept": "*/*"})
            expected = int(response.headers.get("Content-Length") or 0)
            yield str(expected).encode()
            found = 0
            while piece := response.read(PIECE_BYTES):
                found += len(piece)
                yield piece
            if found != expected:
                raise ConnectionError(f"the answer ended after {found} of {expected} bytes")
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def changes(self, *, after: int | None, timeout_s: float = TIMEOUT_S) -> Iterator[LifecycleBatch | None]:
        """Committed changes as they happen, from a position on; None for each sign of life without one.

        Raises Unavailable when the stream ends: reconnect with the last position that was seen.
        """
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        connection = self._connection(timeout_s)
        try:
            response = self._send(connection, "GET", "/changes", None, headers)
            yield None
            yield from self._events(response)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _events(self, response: HTTPResponse) -> Iterator[LifecycleBatch | None]:
        data: list[bytes] = []
        while line := response.readline():
            text = line.rstrip(b"\r\n")
            if text.startswith(b"data:"):
                data.append(text[5:].lstrip())
            elif not text and data:
                batch = _batch(b"\n".join(data))
                data.clear()
                yield batch
            elif text.startswith(b":"):
                yield None
        raise self._unreachable(ConnectionError("the stream of changes ended"))

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        connection = self._connection(self._timeout_s)
        try:
            return self._send(connection, method, path, body, headers or {}).read()
        except TimeoutError as error:
            raise TimedOut(
                f"the coordinator did not answer within {self._timeout_s:g} s",
                where=self.url,
                found=f"{method} {path}",
                fix="Try again; its log and /health/ready say why it does not answer.",
            ) from error
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        answers: Container[int] = (),
    ) -> HTTPResponse:
        """`answers` are statuses of errors that the caller reads itself."""
        sent = {"Accept": JSON, **({"Content-Type": JSON} if body is not None else {}), **headers}
        connection.request(method, self._base + path, body, sent)
        response = connection.getresponse()
        if response.status >= _ERROR and response.status not in answers:
            raise self._problem(response.status, response.read(), f"{method} {path}")
        return response

    def _connection(self, timeout_s: float) -> HTTPConnection:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)

    def _decoded(self, body: bytes, kind: type[T], decode: Decode = msgspec.json.decode) -> T:
        try:
            return decode(body, type=kind)
        except (msgspec.MsgspecError, ValueError) as error:
            raise HeadraceError(
                f"an answer of the API cannot be understood: {error}",
                where=self.url,
                found=repr(body[:80]),
                expected=kind.__name__,
                fix="Give --api the address of a coordinator, and use a command of the coordinator's version.",
            ) from error

    def _problem(self, status: int, body: bytes, asked: str) -> HeadraceError:
        try:
            problem = msgspec.json.decode(body, type=_Problem)
        except (msgspec.MsgspecError, ValueError):
            problem = _Problem()
        code = problem.code or _code_of(status)
        message = problem.detail or problem.title or f"the API answered {status}"
        return from_info(
            ErrorInfo(
                code=code,
                message=message,
                where=problem.where or f"{self.url}, {asked}",
                found=problem.found,
                expected=problem.expected,
                fix=problem.fix,
            )
        )

    def _unreachable(self, error: Exception) -> Unavailable:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Unavailable(
            "no coordinator answers",
            where=self.url,
            found=reason or type(error).__name__,
            expected="the HTTP API of a Headrace coordinator",
            fix=f"Start one with `headrace dev`, or say where it is: {_SETTING}.",
        )


def segment(text: str) -> str:
    """A name or id as one part of a path."""
    return quote(text, safe="")


def _with_query(path: str, query: Query | None) -> str:
    pairs = query.items() if isinstance(query, Mapping) else query or ()
    given = [(name, value) for name, value in pairs if value is not None]
    return f"{path}?{urlencode(given)}" if given else path


def _batch(data: bytes) -> LifecycleBatch | None:
    try:
        return msgspec.json.decode(data, type=LifecycleBatch)
    except msgspec.MsgspecError:
        return None  # a newer kind of event: it counts as a sign of life


def _code_of(status: int) -> ErrorCode:
    if status == 404:
        return ErrorCode.NOT_FOUND
    if status == 409:
        return ErrorCode.CONFLICT
    if status in {502, 503, 504}:
        return ErrorCode.UNAVAILABLE
    return ErrorCode.REQUEST_INVALID if status < 500 else ErrorCode.INTERNAL
