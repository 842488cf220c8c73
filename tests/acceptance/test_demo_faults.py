"""kill -9 of each part of a running demo, and a wiped bus: it goes on by itself, is right, and counts nothing twice."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace_coordinator.store import open_store
from headrace_coordinator.store.port import RunFilter
from tests.acceptance.conftest import DEADLINE_S, HEADRACE, Shell
from tests.acceptance.test_demo import children_of


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def the(demo: int, part: str) -> int:
    """The process of one part; the first where there are several."""
    return next(pid for pid in sorted(children_of(demo)) if part in command_of(pid))


def kill_coordinator(demo: int, data: Path) -> None:
    os.kill(the(demo, " coordinator "), signal.SIGKILL)


def kill_worker(demo: int, data: Path) -> None:
    os.kill(the(demo, " worker "), signal.SIGKILL)


def kill_nats(demo: int, data: Path) -> None:
    os.kill(the(demo, "nats-server"), signal.SIGKILL)


def wipe_bus(demo: int, data: Path) -> None:
    """Delete everything JetStream holds while nats-server is down: its supervisor is held still meanwhile."""
    supervisor = the(demo, " dev ")
    server = the(demo, "nats-server")
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    ends = time.monotonic() + DEADLINE_S
    while command_of(server):  # a zombie has no command line
        assert time.monotonic() < ends
        time.sleep(0.01)
    (held,) = data.rglob("jetstream")
    shutil.rmtree(held)
    os.kill(supervisor, signal.SIGCONT)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [kill_coordinator, kill_worker, kill_nats, wipe_bus])
async def test_the_demo_survives(shell: Shell, fault: Callable[[int, Path], None]) -> None:
    data = shell.folder / "data"
    demo = subprocess.Popen(
        [*HEADRACE, "demo", "--data", str(data)],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if "2013-" in line and "running" in line:
            break
    fault(demo.pid, data)
    said += demo.communicate(timeout=2 * DEADLINE_S)[0]
    assert demo.returncode == 0, said
    assert "All right: 336,776 flights in 12 months" in said
    await assert_applied_once(data)


async def assert_applied_once(data: Path) -> None:
    """Exactly one attempt of each node and item of each run has won."""
    (file,) = data.rglob("headrace.db")
    store = open_store(f"sqlite:///{file}")
    await store.open()
    try:
        runs = await store.runs(RunFilter(), None, 100)
        assert len(runs) == 13
        for run in runs:
            attempts = await store.attempts(run.run_id, None, 0, 1_000)
            won = Counter((a.node, a.item) for a in attempts if a.state == "succeeded")
            assert set(won.values()) <= {1}
    finally:
        await store.close()
