"""Tasks that wait for something real: sockets, threads, subprocesses. Virtual time stands still meanwhile."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time

import pytest

from headrace import task, workflow
from headrace.testing import START, Environment, RunStuck
from headrace_protocol.errors import Conflict

IDLE_S = 0.02
"""What an answer from outside takes: real time, which the virtual clock must not mistake for its own."""


@task(timeout="1s")
async def ask_a_server(question: str) -> str:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        await asyncio.to_thread(time.sleep, IDLE_S)
        writer.write(line.upper())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{question}\n".encode())
    told = (await reader.readline()).decode().strip()
    writer.close()
    server.close()
    return told


@task(timeout="1s")
async def ask_a_thread(question: str) -> str:
    return await asyncio.to_thread(lambda: time.sleep(IDLE_S) or question.upper())  # type: ignore[func-returns-value]


@task(timeout="1s")
async def ask_a_stranger(question: str) -> str:
    """A thread of its own, as database drivers have: the loop does not know of it."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()
    threading.Thread(
        target=lambda: loop.call_soon_threadsafe(answered.set_result, question.upper()), daemon=True
    ).start()
    return await answered


@task(timeout="1s")
async def ask_a_process(question: str) -> str:
    code = f"print({question!r}.upper())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().strip()


@task
def run_a_loop(question: str) -> str:
    async def answer() -> str:
        await asyncio.sleep(0)
        return question.upper()

    return asyncio.run(answer())


@task
def own_thread(question: str) -> str:
    told: queue.Queue[str] = queue.Queue()
    worker = threading.Thread(target=lambda: told.put(question.upper()))
    worker.start()
    worker.join()
    return told.get()


@workflow
def server(question: str) -> str:
    return ask_a_server(question)


@workflow
def thread(question: str) -> str:
    return ask_a_thread(question)


@workflow
def stranger(question: str) -> str:
    return ask_a_stranger(question)


@workflow
def process(question: str) -> str:
    return ask_a_process(question)


@workflow
def loop(question: str) -> str:
    return run_a_loop(question)


@workflow
def joined(question: str) -> str:
    return own_thread(question)


@pytest.mark.parametrize("asked", [server, thread, stranger, process, loop, joined])
def test_what_is_real_takes_no_virtual_time(monkeypatch: pytest.MonkeyPatch, asked: object) -> None:
    """However long a busy machine takes: the loop waits for an answer no longer than it has to."""
    monkeypatch.setattr("headrace.testing.loop.THREAD_GRACE_S", 30.0)
    monkeypatch.setattr("headrace.testing.loop.SOCKET_GRACE_S", 30.0)
    with Environment() as env:
        run = env.run(asked, "how much")  # type: ignore[arg-type]
        assert run.output == "HOW MUCH"
        assert env.now == START


@task
async def spin() -> None:
    while True:
        await asyncio.sleep(0)


@workflow
def spinning() -> None:
    spin()


def test_what_spins_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.testing.loop.SPINS", 20_000)
    with Environment(spinning) as env, pytest.raises(RunStuck, match="no time has passed"):
        env.run(spinning)


@task
def reenter() -> str:
    try:
        environment.run(loop, "x")
    except Conflict as error:
        return error.message
    return "it worked"


@workflow
def reentering() -> str:
    return reenter()


environment: Environment


def test_a_task_does_not_use_the_environment_that_it_runs_in() -> None:
    global environment
    with Environment(reentering) as environment:
        assert "cannot be used by a task" in str(environment.run(reentering).output)


def test_time_is_real_again_outside() -> None:
    before = time.sleep
    with Environment(loop) as env:
        env.run(loop, "x")
        assert time.sleep is before
