"""Property tests of the types that `test_round_trips` leaves to their own: one strategy for each serializer."""

from __future__ import annotations

import ipaddress
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.serializers import registry
from tests.proof.figures import Record
from tests.unit.serializers.kinds import Count, Name
from tests.unit.serializers.test_round_trips import CALM, NUMBERS, TEXTS, TRIPS, same, through

BY_MODULE = {
    "arrow_tables": "test_arrow",
    "numpy_values": "test_arrays, test_scalars_come_back_or_are_refused",
    "pandas_frames": "test_pandas, and Timestamp, Timedelta here",
    "polars_frames": "test_polars",
    "pydantic_models": "test_pydantic_models",
    "plain": "here",
}
"""Where the properties of each module of serializers are."""


class Share(float):
    pass


class Token(bytes):
    pass


class Names(list[str]):
    pass


class Ages(dict[str, int]):
    pass


STRATEGIES: dict[object, st.SearchStrategy[Any]] = {
    Fraction: st.fractions(),
    complex: st.complex_numbers(allow_nan=False),
    PurePosixPath: TEXTS.map(lambda text: PurePosixPath(text.replace("\0", "_"))),
    ipaddress.IPv4Address: st.ip_addresses(v=4),
    ipaddress.IPv6Address: st.ip_addresses(v=6).filter(lambda one: not one.scope_id),  # type: ignore[union-attr]
    zoneinfo.ZoneInfo: st.timezones(),
    deque[int]: st.lists(NUMBERS, max_size=4).map(deque),
    OrderedDict[str, int]: st.lists(st.tuples(TEXTS, NUMBERS), max_size=4).map(OrderedDict),
    defaultdict[str, int]: st.dictionaries(TEXTS, NUMBERS, max_size=4).map(lambda one: defaultdict(int, one)),
    Counter[str]: st.lists(TEXTS, max_size=6).map(Counter),
    Name: TEXTS.map(Name),
    Count: st.integers().map(Count),
    Share: st.floats(allow_nan=False).map(Share),
    Token: st.binary(max_size=12).map(Token),
    Names: st.lists(TEXTS, max_size=4).map(Names),
    Ages: st.dictionaries(TEXTS, NUMBERS, max_size=4).map(Ages),
    set[int]: st.sets(NUMBERS, max_size=4),
    frozenset[str]: st.frozensets(TEXTS, max_size=4),
    bytearray: st.binary(max_size=12).map(bytearray),
    pd.Timestamp: NUMBERS.filter(lambda number: number > -(2**63)).map(pd.Timestamp),
    pd.Timedelta: st.timedeltas(
        min_value=pd.Timedelta.min.ceil("us").to_pytimedelta(), max_value=pd.Timedelta.max.to_pytimedelta()
    ).map(pd.Timedelta),
}


@pytest.fixture(scope="module", autouse=True)
def round_trips(figures: Record) -> Iterator[None]:
    before = next(TRIPS)
    yield
    figures("round trips", next(TRIPS) - before - 1)


@pytest.mark.parametrize("form", STRATEGIES, ids=str)
def test_values_come_back_equal(form: Any) -> None:
    @CALM
    @given(STRATEGIES[form])
    def comes_back(value: Any) -> None:
        back = through(value, form)
        assert type(back) is type(value)
        assert same(back, value)

    comes_back()


def test_every_module_of_serializers_has_properties(figures: Record) -> None:
    for package in ("builtins", "numpy", "pandas", "polars", "pyarrow", "pydantic"):
        registry._load(package)
    modules = {
        type(serializer).__module__.rpartition(".")[2]
        for serializer in registry._by_type.values()
        if type(serializer).__module__.startswith("headrace.")
    }
    assert modules == set(BY_MODULE)
    figures("modules of serializers", len(modules))
