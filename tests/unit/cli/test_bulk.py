"""Orders to many: asked about first, then exactly those."""

from __future__ import annotations

import msgspec
import pytest
from typer.testing import CliRunner

from headrace.cli.app import build
from tests.unit.cli.test_api import Server, server, summary

__all__ = ["server"]
app = build()
PREVIEW = {
    "preview": True,
    "count": 2,
    "more": False,
    "run_ids": ["r1", "r2"],
    "runs": [summary("r1", "failed")],
}
DONE = {
    **PREVIEW,
    "done": ["r1"],
    "failed": [{"run_id": "r2", "error": {"code": "x", "message": "too late"}}],
}


def asked(server: Server) -> list[dict[str, object]]:
    return [msgspec.json.decode(body) for _, body in server.asked]


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_what_was_shown_is_what_is_taken(server: Server, verb: str) -> None:
    server.answers[f"/api/v1/runs/{verb}"] = (200, msgspec.json.encode(DONE))
    arguments = ["runs", verb, "--workflow", "flights", "--reason", "why", "--api", server.url]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert refused.exit_code == 0
    assert [body["preview"] for body in asked(server)] == [True]
    agreed = CliRunner().invoke(app, [*arguments, "--yes"])
    assert agreed.exit_code == 1, "one of them failed"
    assert "too late" in agreed.output
    assert asked(server)[-1]["run_ids"] == ["r1", "r2"]
    assert asked(server)[-1]["reason"] == "why"
    assert asked(server)[1] == {"where": {"workflow": "flights"}, "preview": True}


def test_a_dry_run_does_nothing(server: Server) -> None:
    server.answers["/api/v1/runs/retry"] = (200, msgspec.json.encode(PREVIEW))
    done = CliRunner().invoke(app, ["runs", "retry", "--state", "failed", "--dry-run", "--api", server.url])
    assert (done.exit_code, len(server.asked)) == (0, 1)
    assert "would retry 2 runs" in done.output


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_dry_run_of_one_run_does_nothing(server: Server, verb: str) -> None:
    run_id = "r" * 26
    answer = msgspec.json.encode({"run_id": run_id, "state": "running"})
    server.answers[f"/api/v1/runs/{run_id}"] = (200, answer)
    arguments = ["runs", verb, run_id, "--api", server.url]
    done = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert f"would {verb} {run_id}, which is running" in done.output
    assert all(f"/{verb}" not in path for path, _ in server.asked)


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_run_and_a_selection_contradict_each_other(server: Server, verb: str) -> None:
    done = CliRunner().invoke(app, ["runs", verb, "r" * 26, "--workflow", "other", "--api", server.url])
    assert done.exit_code != 0
    assert not [path for path, _ in server.asked if verb in path]


def test_all_runs_are_never_meant_by_saying_nothing(server: Server) -> None:
    done = CliRunner().invoke(app, ["runs", "cancel", "--api", server.url])
    assert done.exit_code != 0
    assert not server.asked


def test_all_dead_letters(server: Server) -> None:
    answer = {"count": 1, "letter_ids": ["l1"], "done": ["l1"], "failed": []}
    server.answers["/api/v1/dead-letters/redrive"] = (200, msgspec.json.encode(answer))
    done = CliRunner().invoke(app, ["deadletters", "redrive", "--all", "--yes", "--api", server.url])
    assert done.exit_code == 0, done.output
    assert asked(server)[-1]["letter_ids"] == ["l1"]
    neither = CliRunner().invoke(app, ["deadletters", "redrive", "--api", server.url])
    assert neither.exit_code != 0
