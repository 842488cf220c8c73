"""Types on edges, serializers of users, and what is not imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pytest

from headrace import DefinitionError, Serializer, TypeMismatch, register_serializer, task, workflow
from headrace.runtime.values import InputInvalid, ResultInvalid, TaskCodec, raw
from headrace.serializers.values import TypedValue
from tests.unit.serializers.kinds import Colour, Failed, Landed, Order


@task
def text() -> str: ...


@task
def either() -> Path | str: ...


@task
def pandas_frame() -> pd.DataFrame: ...


@task
def polars_frame() -> pl.DataFrame: ...


@task
def integer() -> np.int64: ...


@task
def order() -> Order: ...


@task
def takes_either(value: Path | str) -> int: ...


@task
def takes_frame(value: pd.DataFrame) -> int: ...


@task
def takes_int(value: int) -> int: ...


@task
def takes_order(value: Order) -> int: ...


def flow(body: Callable[[], object]) -> None:
    def defined() -> int:
        return body()  # type: ignore[return-value]

    workflow(defined)


@pytest.mark.parametrize(
    "body",
    [
        lambda: takes_either(either()),
        lambda: takes_frame(pandas_frame()),
        lambda: takes_int(integer()),
        lambda: takes_order(order()),
        lambda: takes_int(order().number),
    ],
)
def test_edges_that_fit(body: Callable[[], object]) -> None:
    flow(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (lambda: takes_either(text()), "would read text, which is str, as Path"),
        (lambda: takes_frame(polars_frame()), "takes pandas.*DataFrame, but polars_frame is polars"),
        (lambda: takes_int(order().day), "takes int, but order.day is date"),
        (lambda: takes_int.map(pandas_frame()), "mapped over a list"),
    ],
)
def test_edges_that_do_not_fit(body: Callable[[], object], told: str) -> None:
    with pytest.raises(TypeMismatch, match=told):
        flow(body)


def test_a_lazy_frame_is_refused_when_the_task_is_defined() -> None:
    with pytest.raises(DefinitionError) as raised:

        @task
        def lazy() -> pl.LazyFrame: ...

    assert "collect()" in raised.value.found


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None  # type: ignore[assignment]


class MoneySerializer(Serializer[Money]):
    tag = "test.money"

    def encode(self, value: Money) -> object:
        return {"cents": value.cents}

    def decode(self, data: object, form: object) -> Money:
        return Money(data["cents"])  # type: ignore[index]


register_serializer(Money, MoneySerializer())


def test_a_serializer_of_a_user() -> None:
    for form, value in (
        (Money, Money(7)),
        (object, Money(7)),
        (list[Money], [Money(1)]),
        (Money | str, Money(2**70)),
    ):
        typed = TypedValue(form)
        assert typed.decode(typed.encode(value)) == value
    with pytest.raises(msgspec.ValidationError, match="KeyError"):
        TypedValue(Money).decode(raw({"$headrace": "test.money", "value": {}}))


def test_a_serializer_is_registered_once() -> None:
    with pytest.raises(DefinitionError, match="twice"):
        register_serializer(Money, MoneySerializer())
    register_serializer(Money, MoneySerializer(), replace=True)


@task
def paint(colours: list[Colour]) -> list[Landed | Failed]: ...


def test_errors_name_the_place_what_is_there_and_what_fits() -> None:
    codec = TaskCodec(paint)
    with pytest.raises(InputInvalid) as raised:
        codec.arguments({"colours": raw(["red", "green"])})
    assert raised.value.where == "task paint, parameter colours[1]"
    assert raised.value.found == "str 'green' at [1]"
    assert raised.value.expected == "one of 'red', 'blue'"
    with pytest.raises(ResultInvalid) as refused:
        codec.produced([Landed(1), 3], ())
    assert "Expected `Landed | Failed`, got `int`" in refused.value.message


def test_packages_are_imported_when_they_are_needed() -> None:
    program = """
import sys
from headrace import task
@task
def plain(values: dict[str, list[int]]) -> float: ...
heavy = {"numpy", "pandas", "polars", "pyarrow", "pydantic", "attr"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
