"""The main job, as the README's first command runs it."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import DEADLINE_S, HEADRACE, Shell, all_gone
from tests.proof.form import size
from tests.support.cluster import ROOT


def children_of(pid: int) -> list[int]:
    """Every process below one, by /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


@pytest.mark.timeout(240)
def test_demo_is_right_and_says_so(shell: Shell) -> None:
    data = shell.folder / "kept"
    said = shell("demo", "--data", str(data))
    for part in (
        "flights-2013-06.csv, row 21318, column dep_delay: found 'n/a?'",
        "2013-06 corrected: succeeded",
        "The slowest tasks:",
        "░ waiting for a worker",
        "All right: 336,776 flights in 12 months",
        "Try next:",
    ):
        assert part in said, said
    assert said.count(": succeeded in") == 12
    assert (data / "results/2013-12/report.html").is_file()

    again = shell.json("demo", "--data", str(data))
    assert again["ok"] is True
    assert again["problems"] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("signum", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGKILL, -9),
        *size([], long=[(signal.SIGTERM, 130), (signal.SIGHUP, 130)]),
    ],
)
def test_a_signal_leaves_nothing(shell: Shell, signum: signal.Signals, code: int) -> None:
    demo = start_demo(shell)
    read_until(demo, "Ready")
    pids = children_of(demo.pid)
    assert len(pids) >= 5
    os.kill(demo.pid, signum)
    rest = demo.communicate(timeout=DEADLINE_S)[0]
    assert demo.returncode == code
    assert "Traceback" not in rest
    all_gone(pids)


@pytest.mark.timeout(240)
def test_it_stays_up_on_its_web_ui_until_it_is_stopped(shell: Shell) -> None:
    demo = start_demo(shell, "--keep")
    url = read_until(demo, "Look around: ").split()[-1]
    page = httpx.get(url, headers={"Accept": "text/html"})
    assert page.status_code == (
        200 if (ROOT / "coordinator/headrace_coordinator/_ui/index.html").exists() else 503
    )
    counts = httpx.get(f"{url}/api/v1/runs/counts").json()["counts"]
    assert (counts["succeeded"]["count"], counts["failed"]["count"]) == (12, 1)
    pids = children_of(demo.pid)
    os.kill(demo.pid, signal.SIGTERM)
    demo.communicate(timeout=DEADLINE_S)
    assert demo.returncode == 0
    all_gone(pids)


def start_demo(shell: Shell, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HEADRACE, "demo", *arguments],
        cwd=shell.folder,
        env=shell.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(demo: subprocess.Popen[str], begin: str) -> str:
    """The line that begins so."""
    assert demo.stdout is not None
    read = []
    for line in demo.stdout:
        read.append(line)
        if line.startswith(begin):
            return line
    raise AssertionError("".join(read))
