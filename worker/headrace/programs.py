"""`shell("make", "build")`: a program, whose lines are the attempt's as they come.

It runs in a session of its own, so that stopping it stops what it has started: SIGTERM to the whole group, a grace,
then SIGKILL. It is stopped when its time is over, when the attempt is cancelled or out of time, and when the code
around it ends by an exception.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from os import PathLike

from headrace.program_runner import GRACE_S, Completed, Program, ProgramFailed, ProgramTimeout
from headrace_protocol.errors import Conflict

__all__ = ["Completed", "ProgramFailed", "ProgramTimeout", "shell", "shell_async"]

Argument = str | PathLike[str]


def shell(
    command: Argument,
    *arguments: Argument,
    check: bool = True,
    timeout: float | None = None,
    cwd: Argument | None = None,
    env: Mapping[str, str] | None = None,
    input: str | bytes | None = None,
    grace: float = GRACE_S,
) -> Completed:
    """Run a program and wait for it. One string is a command line for `/bin/sh`, with pipes and all; with arguments,
    it is a program that gets them as they are.

    What it writes to stdout and stderr is printed line by line, as by `print`: in a task it is in the attempt's log.
    `timeout` and `grace` are seconds; `env` is added to the environment of this process. Raises ProgramFailed when it
    ends with an exit code other than 0 or by a signal (with `check=False` it does not), ProgramTimeout when it took
    longer than `timeout`, and OSError when it cannot be started.

    In an async task, `await shell_async(...)`: this call would block the loop, and is refused there.
    """
    if _on_a_loop():
        raise Conflict(
            "shell() would block the event loop that this code runs on",
            where=f"shell({str(command)!r})",
            expected="a call in a sync function",
            fix="Write `await shell_async(...)`, with the same arguments.",
        )
    program = Program(
        _line(command, arguments), cwd=cwd, env=env, stdin=input, timeout_s=timeout, grace_s=grace
    )
    return program.run(check=check)


async def shell_async(
    command: Argument,
    *arguments: Argument,
    check: bool = True,
    timeout: float | None = None,
    cwd: Argument | None = None,
    env: Mapping[str, str] | None = None,
    input: str | bytes | None = None,
    grace: float = GRACE_S,
) -> Completed:
    """`shell` for async code: other tasks go on meanwhile. Cancelling it stops the program, and waits until it has."""
    program = Program(
        _line(command, arguments), cwd=cwd, env=env, stdin=input, timeout_s=timeout, grace_s=grace
    )
    return await _in_thread(lambda: program.run(check=check), program.stop)


async def _in_thread(work: Callable[[], Completed], stop: Callable[[], None]) -> Completed:
    """Run in a thread of its own (a pool's may all be taken). When cancelled, stop it and wait for its end."""
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[Completed] = loop.create_future()

    def settle(result: Completed | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if result is not None:
            done.set_result(result)
        elif error is not None:
            done.set_exception(error)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    threading.Thread(target=run, name="shell", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([done])
        done.exception()
        raise


def _line(command: Argument, arguments: tuple[Argument, ...]) -> list[str]:
    if arguments:
        return [str(command), *map(str, arguments)]
    return ["/bin/sh", "-c", str(command)]


def _on_a_loop() -> bool:
    asyncio = sys.modules.get("asyncio")  # not loaded: then no loop runs
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
