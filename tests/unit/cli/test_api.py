"""The HTTP client against a real server that answers what the test says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from headrace.cli.api import Api, segment
from headrace.cli.failures import TimedOut
from headrace.cli.lookup import find_run
from headrace.cli.rendering.progress import Hidden
from headrace.cli.views import RunPage
from headrace.cli.watching import Changes, Watch
from headrace_protocol.errors import ErrorCode, HeadraceError, NotFound, RequestError, Unavailable

RUN = "0123456789abcdefghijklmnop"
Answers = dict[str, tuple[int, bytes]]


def summary(run_id: str, state: str = "running") -> dict[str, object]:
    return {"run_id": run_id, "workflow": "w", "version": "v", "state": state, "nodes": []}


def page(*run_ids: str) -> tuple[int, bytes]:
    return 200, msgspec.json.encode({"runs": [summary(run_id) for run_id in run_ids], "next": None})


class Server(ThreadingHTTPServer):
    """Answers by path; remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: Answers = {}
        self.asked: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((f"{self.command} {self.path}", body))
        status, answer = self.server.answers.get(self.path.partition("?")[0], (404, b"{}"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_queries_leave_out_what_is_not_given(server: Server) -> None:
    server.answers["/api/v1/runs"] = page(RUN)
    runs = Api(server.url).get(
        "/runs", RunPage, [("workflow", None), ("state", "a"), ("state", "b"), ("q", "x y")]
    )
    assert [run.run_id for run in runs.runs] == [RUN]
    assert server.asked[0][0] == "GET /api/v1/runs?state=a&state=b&q=x+y"


@pytest.mark.parametrize("suffix", ["", "/", "/api/v1", "/api/v1/"])
def test_the_prefix_may_be_given_or_not(server: Server, suffix: str) -> None:
    server.answers["/api/v1/runs"] = page()
    assert Api(server.url + suffix).get("/runs", RunPage).runs == ()


def test_problems_are_our_errors(server: Server) -> None:
    problem = {
        "code": "params.invalid",
        "detail": "no",
        "where": "count",
        "found": "x",
        "expected": "y",
        "fix": "z",
    }
    server.answers["/api/v1/p"] = (422, msgspec.json.encode(problem))
    with pytest.raises(HeadraceError) as caught:
        Api(server.url).post("/p", {"a": 1}, RunPage)
    error = caught.value
    assert (error.code, error.message, error.where) == (ErrorCode.PARAMS_INVALID, "no", "count")
    assert (error.found, error.expected, error.fix) == ("x", "y", "z")
    assert server.asked == [("POST /api/v1/p", b'{"a":1}')]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, b"<html>", ErrorCode.NOT_FOUND),
        (503, b"", ErrorCode.UNAVAILABLE),
        (400, b"[]", ErrorCode.REQUEST_INVALID),
        (500, b"oops", ErrorCode.INTERNAL),
        (200, b"<html>", ErrorCode.INTERNAL),
    ],
)
def test_answers_that_are_not_ours(server: Server, status: int, body: bytes, code: ErrorCode) -> None:
    server.answers["/api/v1/runs"] = (status, body)
    with pytest.raises(HeadraceError) as caught:
        Api(server.url).get("/runs", RunPage)
    assert caught.value.code == code


def test_nobody_there_says_how_to_start_one() -> None:
    with pytest.raises(Unavailable) as caught:
        Api("127.0.0.1:9").get("/runs", RunPage)
    assert caught.value.where == "http://127.0.0.1:9"
    assert "headrace dev" in caught.value.fix


def test_ids_by_their_beginning(server: Server) -> None:
    api = Api(server.url)
    server.answers["/api/v1/runs"] = page("abc1", "abd2", "zabc")
    assert find_run(api, "abc") == "abc1"
    assert find_run(api, "ABD") == "abd2"
    assert find_run(api, RUN) == RUN
    assert find_run(api, "latest") == "abc1"
    with pytest.raises(RequestError) as several:
        find_run(api, "ab")
    assert "abc1 or abd2" in several.value.expected
    with pytest.raises(NotFound):
        find_run(api, "q")


def test_names_are_one_segment() -> None:
    assert segment("a/b ?") == "a%2Fb%20%3F"


def change(position: int, kind: str = "node.succeeded") -> bytes:
    batch = {"position": position, "run_id": RUN, "workflow": "w", "events": [{"kind": kind, "at_us": 1}]}
    return b"id: %d\ndata: %b\n\n" % (position, msgspec.json.encode(batch))


def test_changes_are_read_one_by_one(server: Server) -> None:
    greeting = b"retry: 1000\n\nid: 4\n\n: still here\n\nevent: reset\ndata: {}\n\n"
    server.answers["/api/v1/changes"] = (200, greeting + change(5) + change(6))
    seen: list[int | None] = []
    with pytest.raises(Unavailable):
        seen.extend(one.position if one else None for one in Api(server.url).changes(after=3))
    assert seen == [None, None, None, 5, 6]


def test_a_watch_reads_the_run_when_the_stream_rings(server: Server) -> None:
    server.answers[f"/api/v1/runs/{RUN}"] = (200, msgspec.json.encode(summary(RUN)))
    server.answers["/api/v1/changes"] = (200, b"id: 1\n\n")
    api = Api(server.url)
    changes = Changes(api)
    watch = Watch(api, Hidden(), [RUN])
    with pytest.raises(TimedOut) as late:
        watch.wait(changes, timeout_s=0.15)
    assert "headrace runs watch 0123456789" in late.value.fix
    server.answers[f"/api/v1/runs/{RUN}"] = (200, msgspec.json.encode(summary(RUN, "succeeded")))
    server.answers["/api/v1/changes"] = (200, change(2, "run.succeeded"))
    watch.wait(changes, timeout_s=10)
    changes.close()
    assert watch.runs[RUN].finished
