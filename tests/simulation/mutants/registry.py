"""The table of breakages, and how an entry is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

Replacement = tuple[object, str, object]


class Mutant(msgspec.Struct, frozen=True):
    """A breakage."""

    name: str
    what: str
    replaced: tuple[Replacement, ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = [(place, name, vars(place)[name]) for place, name, _ in self.replaced]
        for place, name, value in self.replaced:
            setattr(place, name, value)
        try:
            yield
        finally:
            for place, name, value in before:
                setattr(place, name, value)


MUTANTS: dict[str, Mutant] = {}


def mutant(
    what: str, *places: tuple[object, str]
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated function as what these attributes are replaced with."""

    def register(function: Callable[..., object]) -> Callable[..., object]:
        replaced = tuple((place, name, function) for place, name in places)
        MUTANTS[function.__name__] = Mutant(function.__name__, what, replaced)
        return function

    return register


def nothing(*_: object, **__: object) -> None:
    return None


async def nothing_async(*_: object, **__: object) -> None:
    return None


def table(name: str, what: str, *replaced: Replacement) -> None:
    MUTANTS[name] = Mutant(name, what, replaced)
