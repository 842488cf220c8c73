from __future__ import annotations

from datetime import timedelta

import pytest

from headrace.authoring.durations import seconds
from headrace_protocol.errors import DefinitionError


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("500ms", 0.5),
        ("10s", 10.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("2d", 172_800.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        (60, 60.0),
        (0.25, 0.25),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_reads(written: object, expected: float) -> None:
    assert seconds(written, "here") == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "10",
        "m",
        "ten minutes",
        "10 parsecs",
        "-1s",
        "1h-3m",
        -1,
        True,
        None,
        float("nan"),
        float("inf"),
        [],
    ],
)
def test_anything_else_is_an_error_that_names_the_place(written: object) -> None:
    with pytest.raises(DefinitionError) as caught:
        seconds(written, "task a, timeout")
    assert caught.value.where == "task a, timeout"
    assert caught.value.found == repr(written)
    assert "1h30m" in caught.value.expected
