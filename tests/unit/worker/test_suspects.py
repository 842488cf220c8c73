"""How many tasks that may have killed their last worker run at once, each in a process of its own."""

from __future__ import annotations

import pytest

from headrace.runtime.runner import SUSPECT_BYTES, SUSPECTS, suspects


@pytest.mark.parametrize(
    ("slots", "memory_bytes", "expected"),
    [
        (100, 1_000 * SUSPECT_BYTES, 100),
        (100, 50 * SUSPECT_BYTES, 50),
        (100, SUSPECT_BYTES, SUSPECTS),
        (4, 1_000 * SUSPECT_BYTES, SUSPECTS),
    ],
)
def test_as_many_as_slots_where_memory_allows(slots: int, memory_bytes: int, expected: int) -> None:
    assert suspects(slots, memory_bytes) == expected


def test_the_memory_of_this_machine() -> None:
    assert suspects(10_000) >= SUSPECTS
