"""`headrace runs result`: whole values to files and pipes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from headrace.cli.api import Api
from headrace.cli.app import build
from headrace.cli.downloading import bar
from headrace_protocol.errors import Unavailable
from tests.unit.cli.test_api import RUN, Server, server

__all__ = ["server"]
app = build()
BODY = bytes(range(256)) * 5_000
OUTPUT = f"/api/v1/runs/{RUN}/result/content"
NODE = f"/api/v1/runs/{RUN}/nodes/load.files/result/content"


def test_a_result_goes_to_a_file(server: Server, tmp_path: Path) -> None:
    server.answers[NODE] = (200, BODY)
    file = tmp_path / "result.bin"
    arguments = ["runs", "result", RUN, "--node", "load.files", "--item", "3", "-o", str(file)]
    done = CliRunner().invoke(app, [*arguments, "--api", server.url])
    assert done.exit_code == 0, done.output
    assert file.read_bytes() == BODY
    assert f"{len(BODY):,} bytes" in done.output
    assert server.asked[-1][0] == f"GET {NODE}?format=raw&item=3"
    assert [path.name for path in tmp_path.iterdir()] == ["result.bin"]


def test_a_result_goes_to_stdout(server: Server) -> None:
    server.answers[OUTPUT] = (200, BODY)
    done = CliRunner().invoke(app, ["runs", "result", RUN, "--msgpack", "--api", server.url])
    assert (done.exit_code, done.stdout_bytes) == (0, BODY)
    assert server.asked[-1][0] == f"GET {OUTPUT}?format=msgpack"


def test_json_is_asked_for(server: Server) -> None:
    server.answers[OUTPUT] = (200, b"[1]")
    done = CliRunner().invoke(app, ["runs", "result", RUN, "--json", "--api", server.url])
    assert (done.exit_code, done.stdout) == (0, "[1]")
    assert server.asked[-1][0] == f"GET {OUTPUT}?format=json"


def test_a_refusal_leaves_the_file_as_it_was(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "result.bin"
    file.write_bytes(b"before")
    done = CliRunner().invoke(app, ["runs", "result", RUN, "-o", str(file), "--api", server.url])
    assert done.exit_code != 0
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_an_item_needs_its_node(server: Server) -> None:
    done = CliRunner().invoke(app, ["runs", "result", RUN, "--item", "1", "--api", server.url])
    assert done.exit_code != 0
    assert not server.asked


def test_an_answer_that_ends_too_early_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers[OUTPUT] = (200, BODY)
    original = (
        Server.RequestHandlerClass if hasattr(Server, "RequestHandlerClass") else server.RequestHandlerClass
    )

    class Short(original):  # type: ignore[misc, valid-type]
        def send_header(self, name: str, value: str) -> None:
            longer = str(int(value) + 10) if name == "Content-Length" else value
            super().send_header(name, longer)

    monkeypatch.setattr(server, "RequestHandlerClass", Short)
    with pytest.raises(Unavailable, match="no coordinator answers"):
        list(Api(server.url).download(f"/runs/{RUN}/result/content"))


def test_the_bar() -> None:
    assert bar(0, 0, 0.0).startswith("█" * 24 + " 100%")
    assert bar(50_000_000, 100_000_000, 2.0) == "█" * 12 + "░" * 12 + "  50%  50.0 of 100.0 MB  25 MB/s"
