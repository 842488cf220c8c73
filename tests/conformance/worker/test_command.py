"""`headrace conformance worker` as a user types it: exit codes, and what is printed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from headrace.cli import app
from tests.conformance.worker.page_worker import write

TIMEOUT_S = 60.0


class Done(NamedTuple):
    code: object
    out: str
    error: str


@pytest.fixture
def conformance(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process, which has imported it already."""

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            app.run(["conformance", *arguments])
        return Done(ended.value.code, *capfd.readouterr())

    return run


def test_a_command_that_does_not_exist(conformance: Callable[..., Done]) -> None:
    done = conformance("worker", "--", "no-such-program")
    assert done.code == 2
    assert "the worker's command cannot be run" in done.error
    assert "no-such-program" in done.error


def test_a_worker_that_ends_at_once_is_quoted(conformance: Callable[..., Done]) -> None:
    script = "import sys; sys.exit('there is no module named nats')"
    done = conformance("worker", "--only", "drain", "--", sys.executable, "-c", script)
    assert done.code == 2
    assert "the worker ended before it asked for a message" in done.error
    assert "there is no module named nats" in done.error


def test_an_unknown_part(conformance: Callable[..., Done]) -> None:
    done = conformance("worker", "--only", "everything", "--", "true")
    assert done.code == 2
    assert "answers, drain, restart" in done.error


def test_a_good_worker_in_plain_text(conformance: Callable[..., Done], tmp_path: Path) -> None:
    done = conformance("worker", "--only", "drain", "--", sys.executable, str(write(tmp_path)))
    assert done.code == 0, done.out
    assert "kept      drain-exit: Told to stop (SIGTERM), it ends by itself with exit code 0." in done.out
    assert "\x1b" not in done.out


def test_a_broken_worker_as_json_in_a_process_of_its_own(tmp_path: Path) -> None:
    script = str(write(tmp_path, "leaves what it has on SIGTERM"))
    command = [sys.executable, "-m", "headrace.cli", "conformance", "worker", "--only", "drain", "--json"]
    done = subprocess.run(
        [*command, "--", sys.executable, script],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["keeps_contract"]
    broken = {one["rule"] for one in report["findings"] if one["verdict"] == "broken"}
    assert broken == {"drain-settled"}


def test_help_names_tasks_and_environment(conformance: Callable[..., Done]) -> None:
    text = " ".join(conformance("worker", "--help").out.split())
    for name in ("conformance.echo(value)", "conformance.fail(message)", "conformance.sleep(seconds)"):
        assert name in text
    for variable in ("NATS_URL", "HEADRACE_NAMESPACE", "HEADRACE_QUEUE", "HEADRACE_GRACE"):
        assert variable in text
    assert "worker" in conformance("--help").out
