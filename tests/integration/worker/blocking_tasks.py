"""Tasks that let nothing else go on in the worker."""

import asyncio
import ctypes
import os
import time
from pathlib import Path

from headrace import task


@task
async def blocks(seconds: float, mark: str) -> str:
    _begin(mark)
    time.sleep(seconds)
    return "done"


@task
async def blocks_later(seconds: float, mark: str) -> str:
    """In a step of its own coroutine, after others have run."""
    await asyncio.sleep(0.3)
    return await blocks.coroutine(seconds, mark)


@task
async def waits(mark: str) -> str:
    _begin(mark)
    await asyncio.sleep(60)
    return "done"


@task
def holds_the_lock(seconds: int, mark: str) -> str:
    _begin(mark)
    ctypes.PyDLL(None).sleep(seconds)
    return "done"


@task(isolation="process")
def process_waits(mark: str) -> None:
    _begin(mark)
    time.sleep(60)


def _begin(mark: str) -> None:
    with Path(mark).open("a") as file:
        file.write(f"{os.getpid()}\n")
