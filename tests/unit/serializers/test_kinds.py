"""Every type of the edge table goes through a task both ways, and the table in the docs is that of the test."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace import task
from headrace.runtime.values import TaskCodec
from tests.proof.figures import Record
from tests.unit.serializers.kinds import KINDS, Kind

PAGE = Path(__file__).parents[3] / "docs/data.md"


def through(form: object) -> TaskCodec:
    def same(value):  # type: ignore[no-untyped-def]
        return value

    same.__annotations__ = {"value": form, "return": form}
    decorated: Callable[..., object] = task(same)
    return TaskCodec(decorated)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.row}: {kind.form}")
def test_a_value_comes_back_as_it_was(kind: Kind) -> None:
    codec = through(kind.form)
    for value in kind.values:
        produced = codec.produced(value, ())
        (back,) = codec.arguments({"value": produced.raw}).values()
        assert type(back) is type(value)
        assert kind.same(back, value), f"{value!r} came back as {back!r}"


def test_the_docs_list_these_types(figures: Record) -> None:
    table = PAGE.read_text().split("<!-- table: types -->")[1].split("<!-- end: types -->")[0]
    listed = re.findall(r"^\| ([^|]+?) +\|", table.replace("`", ""), re.MULTILINE)[1:]
    assert listed == list(dict.fromkeys(kind.row for kind in KINDS))
    assert len(listed) >= 40
    figures("rows of the table of types", len(listed))
