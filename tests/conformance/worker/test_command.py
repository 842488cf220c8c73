"""`headrace conformance worker` as a user types it: exit codes, and what is printed."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conformance.worker.page_worker import write

TIMEOUT_S = 60.0


def conformance(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headrace.cli", "conformance", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)


def test_a_command_that_does_not_exist() -> None:
    done = conformance("worker", "--", "no-such-program")
    assert done.returncode == 2
    assert "the worker's command cannot be run" in done.stderr
    assert "no-such-program" in done.stderr


def test_a_worker_that_ends_at_once_is_quoted() -> None:
    script = "import sys; sys.exit('there is no module named nats')"
    done = conformance("worker", "--only", "drain", "--", sys.executable, "-c", script)
    assert done.returncode == 2
    assert "the worker ended before it asked for a message" in done.stderr
    assert "there is no module named nats" in done.stderr


def test_an_unknown_part() -> None:
    done = conformance("worker", "--only", "everything", "--", "true")
    assert done.returncode == 2
    assert "answers, drain, restart" in done.stderr


def test_a_good_worker_in_plain_text(tmp_path: Path) -> None:
    done = conformance("worker", "--only", "drain", "--", sys.executable, str(write(tmp_path)))
    assert done.returncode == 0, done.stdout
    assert "kept      drain-exit: Told to stop (SIGTERM), it ends by itself with exit code 0." in done.stdout
    assert "\x1b" not in done.stdout


def test_a_broken_worker_as_json(tmp_path: Path) -> None:
    script = str(write(tmp_path, "leaves what it has on SIGTERM"))
    done = conformance("worker", "--only", "drain", "--json", "--", sys.executable, script)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["keeps_contract"]
    broken = {one["rule"] for one in report["findings"] if one["verdict"] == "broken"}
    assert broken == {"drain-settled"}


def test_help_names_tasks_and_environment() -> None:
    text = " ".join(conformance("worker", "--help").stdout.split())
    for name in ("conformance.echo(value)", "conformance.fail(message)", "conformance.sleep(seconds)"):
        assert name in text
    for variable in ("NATS_URL", "HEADRACE_NAMESPACE", "HEADRACE_QUEUE", "HEADRACE_GRACE"):
        assert variable in text
    assert "worker" in conformance("--help").stdout
