"""The parts of `headrace dev`: ports, files, targets, delays, and children that die."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from headrace_coordinator.local import ports, state_file
from headrace_coordinator.local.keeping import FIRST_DELAY_S, LONGEST_DELAY_S, STEADY_AFTER_S, Delays, keep
from headrace_coordinator.local.process import Child
from headrace_coordinator.local.targets import Contents, find_targets, watched_folders
from headrace_protocol.errors import Conflict, PortInUse, Unavailable


def test_a_port_asked_for_or_the_usual_one_or_any() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            ports.choose(port, 1, "--port")
        assert "--port 0" in caught.value.fix
        assert ports.choose(None, port, "--port") not in {0, port}
    assert ports.choose(port, 1, "--port") == port
    assert ports.choose(None, port, "--port") == port
    assert ports.choose(0, port, "--port") > 0


def test_targets_are_files_that_define_something(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text("from headrace import workflow\n\n@workflow\ndef f(: oops\n")
    (tmp_path / "tasks.py").write_text("import headrace as h\n\n@h.task(retries=2)\ndef f(): ...\n")
    (tmp_path / "helpers.py").write_text("from headrace import Fail\n")
    (tmp_path / "other.py").write_text("@workflow\ndef f(): ...\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/deep.py").write_text("from headrace import task\n@task\ndef f(): ...\n")
    assert find_targets(tmp_path) == ["flows.py", "tasks.py"]
    assert watched_folders([str(tmp_path / "below/deep.py"), "some.module"], tmp_path) == [
        tmp_path,
        tmp_path / "below",
    ]


def test_only_another_content_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "flows.py"
    path.write_text("1")
    contents = Contents([tmp_path])
    path.write_text("1")
    assert contents.changed([path]) == []
    path.write_text("2")
    assert contents.changed([path]) == [path]
    path.unlink()
    assert contents.changed([path, tmp_path / "never.py"]) == [path]


def test_the_state_file_is_ours_to_remove(tmp_path: Path) -> None:
    path = tmp_path / ".headrace/dev.json"

    def write(pid: int) -> None:
        state_file.write(path, state_file.DevState(pid=pid, api="a", nats="n", data=str(tmp_path)))

    write(os.getppid())
    with pytest.raises(Conflict):
        state_file.refuse_second(path, tmp_path)
    state_file.refuse_second(path, tmp_path / "elsewhere")
    state_file.remove(path)
    assert path.exists()
    write(os.getpid())
    state_file.remove(path)
    assert not path.parent.exists()
    state_file.refuse_second(path, tmp_path)


def test_delays_grow_and_are_forgotten() -> None:
    now = 0.0
    delays = Delays(lambda: now)
    grown = [delays.next_s() for _ in range(12)]
    assert grown[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert grown[-1] == LONGEST_DELAY_S
    delays.started()
    now = STEADY_AFTER_S + 1
    assert delays.next_s() == FIRST_DELAY_S


class Fragile:
    """A part whose starts fail as often as it is told."""

    def __init__(self, failures: int) -> None:
        self.died = asyncio.Event()
        self.failures = failures
        self.running = asyncio.Event()

    async def start(self) -> None:
        self.died.clear()
        if self.failures:
            self.failures -= 1
            raise Unavailable("not yet")
        self.running.set()


async def test_what_dies_is_started_until_it_runs() -> None:
    part, told = Fragile(1), list[str]()
    starts = asyncio.Event()
    keeping = asyncio.create_task(keep("nats", part, told.append, how=lambda: "SIGKILL", on_start=starts.set))
    part.died.set()
    async with asyncio.timeout(30):
        await starts.wait()
    keeping.cancel()
    assert told[0] == "nats died (SIGKILL); starting it again in 0.1 s"
    assert told[1].startswith("not yet")


def child(code: str, lines: list[str], *, says_ready: bool = False) -> Child:
    command = [sys.executable, "-c", f"import os, sys, time\n{code}"]
    return Child("part", command, lambda _, line: lines.append(line), says_ready=says_ready)


READY = "os.write(int(sys.argv[2]), b'here\\n')"


async def test_a_child_says_when_it_is_ready_and_what_it_prints() -> None:
    lines: list[str] = []
    part = child(f"print('hello', flush=True); {READY}; time.sleep(60)", lines, says_ready=True)
    await part.start()
    assert part.ready_line == "here"
    pid = part.pid
    assert pid is not None
    assert os.getpgid(pid) == pid
    await part.stop()
    assert part.pid is None
    assert not part.died.is_set()
    assert lines == ["hello"]


async def test_a_child_that_dies_is_noticed_and_can_be_started_again() -> None:
    part = child(f"{READY}; time.sleep(60)", [], says_ready=True)
    await part.start()
    assert part.pid is not None
    os.kill(part.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        await part.died.wait()
    assert part.how_it_ended() == "SIGKILL"
    await part.start()
    assert not part.died.is_set()
    await part.stop()


async def test_a_child_that_ends_before_it_is_ready_says_why() -> None:
    part = child("print('port taken'); sys.exit(3)", [], says_ready=True)
    with pytest.raises(Unavailable) as caught:
        await part.start()
    assert "exit code 3" in caught.value.message
    assert caught.value.found == "port taken"
    assert not part.died.is_set()


async def test_a_child_that_never_ran_has_not_died_however_late_its_silence_is_noticed() -> None:
    """Somebody else holds the other end of what it was to say that it is ready."""
    leave = "if os.fork():\n    os._exit(3)\nos.close(1); os.close(2); time.sleep(0.3)"
    part = child(leave, [], says_ready=True)
    with pytest.raises(Unavailable, match="exit code 3"):
        await part.start()
    assert not part.died.is_set()


async def test_a_child_that_does_not_want_to_end_is_killed() -> None:
    part = child(
        f"import signal; signal.signal(15, signal.SIG_IGN); {READY}; time.sleep(60)", [], says_ready=True
    )
    await part.start()
    await part.stop(grace_s=0.1)
    assert part.how_it_ended() == "SIGKILL"


async def test_long_lines_do_not_stop_it() -> None:
    lines: list[str] = []
    part = child("print('x' * 3_000_000); print('after')", lines)
    await part.start()
    await part.ended()
    assert lines[-1] == "after"


async def test_a_child_has_ended_also_when_what_it_left_behind_holds_its_output(tmp_path: Path) -> None:
    """A program that a task has started, and that outlives the worker."""
    pid = tmp_path / "pid"
    lines: list[str] = []
    child = Child(
        "worker",
        ["sh", "-c", f"echo begun; sleep 60 & echo $! > {pid}; exit 7"],
        lambda _, line: lines.append(line),
    )
    await child.start()
    try:
        await asyncio.wait_for(child.died.wait(), 20)
        assert (child.exit_code, lines) == (7, ["begun"])
        await asyncio.wait_for(child.stop(), 20)
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
