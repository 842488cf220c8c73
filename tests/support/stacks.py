"""What a process waits for, told when it is asked by SIGUSR1: for tests of processes that do not end."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import sys


def tell_stacks_when_asked() -> None:
    """Every thread's stack and what every task awaits go to stderr at the signal."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def _tell() -> None:
    faulthandler.dump_traceback()
    for task in asyncio.all_tasks():
        print(f"{task.get_name()} (cancelled {task.cancelling()} times):", file=sys.stderr)
        awaited: object = task.get_coro()
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None)
            where = awaited if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
            print(f"    {where}", file=sys.stderr)
            awaited = getattr(awaited, "cr_await", None)
