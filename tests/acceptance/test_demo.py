"""The main job, as the README's first command runs it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import DEADLINE_S, HEADRACE, Shell, all_gone


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


@pytest.mark.timeout(120)
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


@pytest.mark.timeout(120)
def test_ctrl_c_leaves_nothing(shell: Shell) -> None:
    demo = subprocess.Popen(
        [*HEADRACE, "demo"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("Ready"):
            break
    pids = children_of(demo.pid)
    assert len(pids) >= 5
    os.kill(demo.pid, signal.SIGINT)
    rest = demo.communicate(timeout=DEADLINE_S)[0]
    assert demo.returncode == 130
    assert "Traceback" not in rest
    all_gone(pids)
