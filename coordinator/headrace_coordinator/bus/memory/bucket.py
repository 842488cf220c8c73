"""Buckets of objects in memory."""

from __future__ import annotations

from collections.abc import Callable


class Bucket(dict[str, bytes]):
    """Objects by key, in the order in which they were written."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        super().__init__()
        self.written_at_us: dict[str, int] = {}
        self._now_us = now_us

    def __setitem__(self, key: str, body: bytes) -> None:
        self.pop(key, None)
        super().__setitem__(key, body)
        self.written_at_us[key] = self._now_us()


class Buckets(dict[str, Bucket]):
    """By name."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        super().__init__()
        self._now_us = now_us

    def named(self, name: str) -> Bucket:
        """Made if it is missing."""
        if name not in self:
            self[name] = Bucket(self._now_us)
        return self[name]
