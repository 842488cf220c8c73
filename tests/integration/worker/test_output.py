"""Everything that a process prints is its attempt's, in order, whatever becomes of the process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.authoring.loader import load_all
from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.failures import AttemptFailed
from headrace.runtime.lanes import ProcessLane, Reporting
from headrace.runtime.launch import Launch
from headrace.runtime.values import Raw, TaskCodec
from headrace_protocol import codec
from headrace_protocol.messages import LogLine
from tests.integration.worker.conftest import task_message

TASKS = Path(__file__).parent / "printing_tasks.py"


class Lane:
    """A process lane, and what its attempts printed."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self._lane = ProcessLane(
            Launch.of((str(TASKS),)), Reporting(self._sink), import_timeout_s=60.0, grace_s=2.0
        )
        self._codecs = {name: TaskCodec(task) for name, task in load_all((str(TASKS),)).tasks.items()}
        self._more = asyncio.Event()

    def _sink(self, _: Attempt, line: LogLine, /) -> None:
        self.lines.append(line)
        self._more.set()

    def of(self, node: str) -> list[str]:
        return [line.message for line in self.lines if line.node == node]

    async def until(self, node: str, message: str) -> None:
        async with asyncio.timeout(30):
            while message not in self.of(node):
                self._more.clear()
                await self._more.wait()

    async def run(self, name: str, *, node: str = "", **values: object) -> Produced:
        attempt = Attempt(task_message(name, node=node), None, "", 1)
        inputs: dict[str, Raw] = {key: codec.raw(value) for key, value in values.items()}
        async with asyncio.timeout(60):
            return await self._lane.run(attempt, self._codecs[name], inputs)

    async def close(self) -> None:
        await self._lane.close()


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    lane = Lane()
    yield lane
    await lane.close()


async def test_every_way_to_print_is_a_line_in_order(lane: Lane) -> None:
    await lane.run("every_way")
    assert [(line.stream, line.level, line.message) for line in lane.lines] == [
        ("stdout", "info", "print"),
        ("stdout", "info", "os.write"),
        ("stdout", "info", "buffer"),
        ("stdout", "info", "subprocess"),
        ("stdout", "info", "puts"),
        ("logging", "warning", "logging"),
        ("stderr", "error", "print to stderr"),
        ("stderr", "error", "stderr of a subprocess"),
        ("stdout", "info", "print again"),
        ("stdout", "info", "to sys.stdout"),
        ("stdout", "info", "by name"),
        ("stdout", "info", "half, and half"),
        ("stdout", "info", "to sys.__stdout__"),
        ("stdout", "info", "end"),
    ]


@pytest.mark.parametrize("how", ["exit", "kill", "segfault"])
async def test_last_words(lane: Lane, how: str) -> None:
    with pytest.raises(AttemptFailed):
        await lane.run("dies", how=how)
    stdout = [line.message for line in lane.lines if line.stream != "stderr"]
    assert stdout == ["of C", "of os.write", "printed", "logged", "unfinished"]
    if how == "segfault":  # where it was is worth a lot
        assert any("in dies" in line.message for line in lane.lines if line.stream == "stderr")


async def test_what_a_process_that_was_left_behind_prints_later_is_its_attempts(
    lane: Lane, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    await lane.run("leaves_behind", node="first", script=f"read line < {gate}; echo late; echo end >&2")
    assert lane.of("first") == ["left"]
    await lane.run("many", node="second", count=4)
    await asyncio.to_thread(gate.write_text, "go\n")
    await lane.until("first", "end")
    assert lane.of("first") == ["left", "late", "end"]
    assert lane.of("second") == [f"line {number}" for number in range(4)]


async def test_a_process_that_prints_for_ever_holds_nobody_up(lane: Lane) -> None:
    for how in range(2):
        await lane.run("leaves_behind", node=f"n{how}", script="exec yes")
    with pytest.raises(AttemptFailed):
        await lane.run("dies", how="exit")
    assert "left" in lane.of("n0")
    assert "unfinished" in lane.of("dies")


async def test_many_lines_in_order(lane: Lane) -> None:
    await lane.run("many", count=50_000)
    assert lane.of("many") == [f"line {number}" for number in range(50_000)]


async def test_long_lines_of_forked_processes_do_not_mix(lane: Lane) -> None:
    await lane.run("long_lines")
    assert sorted(lane.of("long_lines")) == [str(number) * 20_000 for number in range(6)]


async def test_descriptors_that_one_attempt_breaks_are_whole_for_the_next(lane: Lane) -> None:
    await lane.run("breaks_its_descriptors", node="first", mark="through")
    assert lane.of("first") == [*(f"line {number}" for number in range(20_000)), "through"]
    await lane.run("many", node="second", count=4)
    assert len(lane.of("second")) == 4


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_pipes_are_closed(lane: Lane) -> None:
    await lane.run("many", count=1)
    before = open_descriptors()
    for _ in range(20):
        await lane.run("many", count=1)
    await asyncio.sleep(0)
    assert open_descriptors() <= before + 2


@pytest.mark.parametrize("name", ["runs_a_program", "awaits_a_program"])
async def test_a_program_of_a_process_has_live_lines_and_ends_with_its_attempt(lane: Lane, name: str) -> None:
    await lane.run(name, node="first", script="echo one; echo two >&2")
    assert sorted(lane.of("first")) == ["one", "two"]
    script = "trap '' TERM; echo $$; echo ready; while :; do sleep 0.05; done"
    running = asyncio.create_task(lane.run(name, node="second", script=script))
    await lane.until("second", "ready")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await lane.close()  # waits for processes that end
    pid = int(lane.of("second")[0])
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            await asyncio.sleep(0.01)
