"""`shell`: programs with live lines, exit codes, and an end for everything they have started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from headrace import Completed, ProgramFailed, ProgramTimeout, shell, shell_async
from headrace.runtime.failures import failure_of
from headrace_protocol.errors import Conflict
from tests.unit.worker.capturing import captured

IGNORES = "trap '' TERM; echo $$; echo ready; while :; do sleep 0.05; done"


def gone(pid: int) -> bool:
    for _ in range(1_000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with contextlib.suppress(OSError, IndexError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.01)
    return False


def test_a_command_line_and_a_program_with_arguments(capfd: pytest.CaptureFixture[str]) -> None:
    line = shell("echo one; echo two >&2; printf three")
    assert (line.exit_code, line.ok, line.stdout, line.stderr) == (0, True, "one\nthree", "two\n")
    program = shell("echo", "$HOME", Path("a b"))
    assert (program.stdout, program.command) == ("$HOME a b\n", "echo '$HOME' 'a b'")
    told = capfd.readouterr()
    assert (told.out, told.err) == ("one\nthree\n$HOME a b\n", "two\n")


def test_an_exit_code_is_a_typed_error_with_the_last_lines() -> None:
    with pytest.raises(ProgramFailed) as caught:
        shell("for i in 1 2 3; do echo line $i >&2; done; exit 7")
    error = caught.value
    assert (error.exit_code, error.signal, error.completed.stdout) == (7, "", "")
    assert str(error).splitlines()[0] == (
        "`for i in 1 2 3; do echo line $i >&2; done; exit 7` ended with exit code 7"
    )
    assert str(error).splitlines()[1:] == ["  line 1", "  line 2", "  line 3"]
    assert failure_of(error).error.message.startswith("ProgramFailed: `for i")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert shell("exit 7", check=False).exit_code == 7


def test_a_signal_is_named() -> None:
    with pytest.raises(ProgramFailed, match="was ended by SIGKILL") as caught:
        shell("kill -9 $$")
    assert (caught.value.exit_code, caught.value.signal) == (None, "SIGKILL")


def test_what_it_is_given(tmp_path: Path) -> None:
    found = shell(
        'pwd; echo $EXTRA; test -n "$PATH"; cat', cwd=tmp_path, env={"EXTRA": "more"}, input="héllo"
    )
    assert found.stdout == f"{tmp_path}\nmore\nhéllo"
    large = "x" * 1_000_000
    assert shell("cat", input=large).stdout == large
    assert shell("head -c 3; exec >&-", input=large).stdout == "xxx"
    with pytest.raises(FileNotFoundError):
        shell("no-such-program", "at all")


def test_a_timeout_ends_the_whole_group() -> None:
    with pytest.raises(ProgramTimeout, match=r"took longer than 0.3 s") as caught:
        shell(f"({IGNORES}) & {IGNORES}", timeout=0.3, grace=0.2)
    pids = [int(line) for line in caught.value.completed.stdout.split() if line.isdigit()]
    assert pids
    assert all(map(gone, pids))


def test_a_program_may_clean_up_when_it_is_asked_to_end() -> None:
    with pytest.raises(ProgramTimeout) as caught:
        shell("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.02; done", timeout=0.2, grace=30)
    assert caught.value.completed.stdout == "cleaned\n"


def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    begun_s = time.monotonic()
    assert shell(f"sleep 60 & echo $! > {mark}").ok
    assert time.monotonic() - begun_s < 30
    os.kill(int(mark.read_text()), signal.SIGKILL)


def test_a_program_that_closes_its_streams_goes_on() -> None:
    assert shell("exec >&- 2>&-; sleep 0.2; exit 5", check=False).exit_code == 5
    with pytest.raises(ProgramTimeout):
        shell("exec >&- 2>&-; sleep 60", timeout=0.2)


def test_of_very_long_output_the_end_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    found = shell(sys.executable, "-c", "print('x' * 5_000_000); print('the end')")
    assert len(found.stdout) == 1_000_000
    assert found.stdout.endswith("x\nthe end\n")


def test_lines_are_the_attempts() -> None:
    with captured() as kept, kept.inside("a"):
        shell("echo one; printf '10%%\\r100%%\\n'; printf '\\377'; echo err >&2; printf unfinished")
    by_stream = {
        name: [line.message for line in kept.lines if line.stream == name] for name in ("stdout", "stderr")
    }
    assert by_stream == {"stdout": ["one", "100%", "\\xffunfinished"], "stderr": ["err"]}


def test_lines_come_while_it_runs() -> None:
    with captured() as kept:
        arrived = threading.Event()
        kept.heard = lambda line: arrived.set() if line.message == "first" else None

        def run() -> None:
            with kept.inside("a"):
                shell("echo first; read line; echo $line", input=None, check=False)
                shell("echo second")

        thread = threading.Thread(target=run)
        thread.start()
        assert arrived.wait(30)
        thread.join()
    assert kept.of("a") == ["first", "", "second"]


def test_a_cancelled_attempt_ends_its_program() -> None:
    with captured() as kept, kept.inside("a") as attempt:
        kept.heard = lambda line: setattr(attempt.context, "cancelled", line.message == "ready")
        with pytest.raises(ProgramFailed, match="was stopped: the attempt is cancelled"):
            shell(IGNORES, grace=0.1)
    assert gone(int(kept.of("a")[0]))


async def test_async_code_goes_on_meanwhile() -> None:
    with captured() as kept, kept.inside("a"):
        first, second = await asyncio.gather(shell_async("echo one"), shell_async("echo two", check=False))
        with pytest.raises(ProgramFailed):
            await shell_async("false")
        with pytest.raises(Conflict, match="shell_async"):
            shell("true")
    assert isinstance(first, Completed)
    assert (first.stdout, second.stdout) == ("one\n", "two\n")
    assert sorted(kept.of("a")) == ["one", "two"]


async def test_cancelling_ends_it_and_waits() -> None:
    with captured() as kept, kept.inside("a"):
        ready, loop = asyncio.Event(), asyncio.get_running_loop()
        kept.heard = lambda line: loop.call_soon_threadsafe(ready.set) if line.message == "ready" else None
        running = asyncio.create_task(shell_async(IGNORES, grace=0.1))
        await asyncio.wait_for(ready.wait(), 30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(gone, int(kept.of("a")[0]))
