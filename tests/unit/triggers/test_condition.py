"""What a condition that was false is said to have read."""

import pytest

from headrace_coordinator.triggers.condition import fields_of, why_false

EVENT: dict[str, object] = {
    "type": "orders.placed",
    "data": {"rows": 0, "skus": [], "list": [1, 2], "name": "x" * 100, "a b": True, "raw": b"123"},
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.data.rows > 0", "event.data.rows = 0"),
        ("size(event.data.skus) > 0", "event.data.skus = []"),
        ("event.data.list.size() > 3", "event.data.list = (list of 2)"),
        (
            "event.data.list[1] > 3 && event.data.list[7] > 1",
            "event.data.list[1] = 2, event.data.list[7] is absent",
        ),
        ("has(event.data.gone)", "event.data.gone is absent"),
        ("event.data['a b'] == false", 'event.data["a b"] = true'),
        ("event.type.startsWith('a')", 'event.type = "orders.placed"'),
        ("event.type == 'event.data.rows'", 'event.type = "orders.placed"'),
        ("event.data.rows > 1 || event.data.rows < 0", "event.data.rows = 0"),
        ("event.data.raw == b''", "event.data.raw = (3 bytes)"),
        ("event.data.name == ''", f'event.data.name = "{"x" * 59}…'),
    ],
)
def test_the_values_it_saw(source: str, expected: str) -> None:
    assert why_false(fields_of(source), EVENT) == f"where was false: {expected}"


def test_a_condition_that_reads_nothing() -> None:
    assert why_false(fields_of("1 > 2"), EVENT) == "where was false"
