"""Where a simulation writes down what happens, and what should not have."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec


class Breach(msgspec.Struct, frozen=True):
    """Something that must never happen has happened."""

    invariant: str
    what: str
    at_s: float

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


class Journal:
    """Breaches, the history's digest, and the story for people. The simulation stops at the first breach."""

    def __init__(self, now_s: Callable[[], float], halt: Callable[[], None]) -> None:
        self.now_s = now_s
        self._halt = halt
        self.breaches: list[Breach] = []
        self.story: list[tuple[float, str]] | None = None
        self._hash = blake2b(digest_size=16)

    def breach(self, invariant: str, what: str) -> None:
        self.breaches.append(Breach(invariant, what, self.now_s()))
        self.tell(f"!! {invariant}: {what}")
        self._halt()

    def require(self, holds: object, invariant: str, what: str) -> None:
        if not holds:
            self.breach(invariant, what)

    def note(self, line: str) -> None:
        """Part of the history: the same seed gives the same lines."""
        self._hash.update(f"{self.now_s():.6f} {line}\n".encode())

    def tell(self, line: str) -> None:
        if self.story is not None:
            self.story.append((self.now_s(), line))

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
