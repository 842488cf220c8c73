"""Large values from the API to a file or to a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from headrace.cli.api import Api, Query

BAR = 24
DRAW_S = 0.1


def download(api: Api, path: str, query: Query, to: Path | None) -> int:
    """Write a resource to a file, which gets its name when it is whole, or to stdout; returns its size in bytes.
    Progress is drawn on stderr when that is a terminal and stdout is not in the way."""
    pieces = api.download(path, query)
    size = int(next(pieces))
    quiet = not sys.stderr.isatty() or (to is None and sys.stdout.isatty())
    drawn = pieces if quiet else _drawn(pieces, size)
    if to is None:
        for piece in drawn:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return size
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.writelines(drawn)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return size


def _drawn(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    began = time.monotonic()
    done, drawn_at = 0, 0.0
    for piece in pieces:
        yield piece
        done += len(piece)
        now = time.monotonic()
        if now - drawn_at >= DRAW_S or done == size:
            drawn_at = now
            sys.stderr.write("\r" + bar(done, size, now - began))
            sys.stderr.flush()
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()


def bar(done: int, size: int, took_s: float) -> str:
    """How far it is."""
    share = done / size if size else 1.0
    full = round(share * BAR)
    speed = done / took_s / 1e6 if took_s else 0.0
    amount = f"{done / 1e6:,.1f} of {size / 1e6:,.1f} MB"
    return f"{'█' * full}{'░' * (BAR - full)} {share:4.0%}  {amount}  {speed:,.0f} MB/s"
