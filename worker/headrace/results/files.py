"""A directory that every worker sees, such as one of NFS."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from headrace.bus.port import Key
from headrace.results.digest import PIECE_BYTES

_threads = ThreadPoolExecutor(4, "headrace-files")


class FileBlobs:
    """See `headrace.results.store.Blobs`. A file has its name when it is whole; the layout is that of obstore, which
    the coordinator and workers in other languages may use."""

    def __init__(self, root: str) -> None:
        self.prefix = root
        self._directory = Path(unquote(urlsplit(root).path))
        self._directory.mkdir(parents=True, exist_ok=True)

    async def put(self, body: memoryview, key: Key) -> str:
        loop = asyncio.get_running_loop()
        name = f".{os.getpid()}-{os.urandom(8).hex()}.part"
        part = self._directory / name
        try:
            await loop.run_in_executor(_threads, part.write_bytes, body)
            found = await key()
            await loop.run_in_executor(_threads, self._keep, part, self._directory / found)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return found

    @staticmethod
    def _keep(part: Path, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        part.replace(to)

    async def get(self, key: str) -> AsyncIterator[bytes] | None:
        loop = asyncio.get_running_loop()
        try:
            file = await loop.run_in_executor(_threads, self._open, self._directory / key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _pieces(file)

    @staticmethod
    def _open(path: Path) -> BinaryIO:
        return path.open("rb", buffering=0)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with file:
        coming = loop.run_in_executor(_threads, file.read, PIECE_BYTES)
        while piece := await coming:
            coming = loop.run_in_executor(_threads, file.read, PIECE_BYTES)  # while this one is used
            yield piece
