"""How much one attempt may log: bytes in all, and lines a second, with room for a burst.

What is too much is dropped, counted, and said by a line of its own: no line is lost silently.
"""

from __future__ import annotations

import time

import msgspec

BURST_S = 100
"""So many seconds' worth of lines may come at once: it takes a flood, not a long table, to lose lines."""
LINES_PER_S = 1_000
LOG_BYTES = 100_000_000
OVERFLOW = "the worker had more lines waiting for NATS than it keeps"


class LogBounds(msgspec.Struct, frozen=True):
    """For every attempt of a worker."""

    lines_per_s: int = LINES_PER_S
    max_bytes: int = LOG_BYTES


class LogLimit:
    """What one attempt has used of its bounds. Times are of a monotonic clock, in seconds."""

    __slots__ = (
        "_at_s",
        "_bounds",
        "_left",
        "_left_bytes",
        "_until_s",
        "_why",
        "dropped",
        "said_at_s",
        "total",
    )

    def __init__(self, bounds: LogBounds) -> None:
        self._bounds = bounds
        self._left = float(bounds.lines_per_s * BURST_S)
        self._left_bytes = bounds.max_bytes
        self._at_s = self.said_at_s = time.monotonic()
        self._until_s = 0.0
        self._why = ""
        self.dropped = 0
        """Lines that were dropped and not said yet."""
        self.total = 0
        """All that were dropped."""

    @property
    def shut(self) -> bool:
        """Whether the next line is dropped, too: for a second, or for good, so that what is kept is in stretches."""
        return self._until_s > time.monotonic()

    def admits(self, size_bytes: int) -> bool:
        """Whether a line is kept. One that is not is counted."""
        if self._until_s and self.shut:
            self.drop(1)
            return False
        self._left -= 1
        self._left_bytes -= size_bytes
        if self._left < 0:
            self._refill()
        if self._left_bytes < 0:
            self._until_s = float("inf")
            self.drop(1, f"the attempt has logged {_shown(self._bounds.max_bytes)} (log_bytes)")
            return False
        if self._left < 0:
            self._until_s = time.monotonic() + 1
            self.drop(1, f"more than {self._bounds.lines_per_s:,} lines/s for long (log_lines_per_s)")
            return False
        return True

    def drop(self, count: int, why: str = "") -> None:
        self._why = why or self._why
        self.dropped += count
        self.total += count

    def notice(self) -> str:
        """What to say about the lines that were dropped since it was said last."""
        count, self.dropped = self.dropped, 0
        self.said_at_s = time.monotonic()
        lines = "1 line was" if count == 1 else f"{count:,} lines were"
        so_far = f"; {self.total:,} of this attempt so far" if self.total > count else ""
        return f"{lines} dropped: {self._why}{so_far}"

    def _refill(self) -> None:
        """Tokens are counted only when they run out: a line costs a subtraction."""
        now_s, rate = time.monotonic(), self._bounds.lines_per_s
        self._left = min(self._left + (now_s - self._at_s) * rate, float(rate * BURST_S))
        self._at_s = now_s


def _shown(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes >= 1e6 else f"{size_bytes:,} bytes"
