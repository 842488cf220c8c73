"""Whatever values of a kind look like, they come back equal, or are refused with a reason: property tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from polars.testing import assert_frame_equal as same_polars

from headrace.authoring.schemas import shared_schemas
from headrace.serializers.values import TypedValue, encode, plain_data
from headrace_coordinator.runtime.params import Params
from headrace_protocol import tagged
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import StartRun
from headrace_protocol.tagged import from_json, resolve, to_json
from tests.proof.figures import Record
from tests.proof.form import size
from tests.unit.serializers.kinds import KINDS, Kind, Order, Parcel, Tree, same_array

EXAMPLES = size(25, long=250)
CALM = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TRIPS = count()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
COLUMN_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
"""Arrow's C interface holds names that end at the first zero byte; polars panics on them."""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=12)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
DTYPES = (
    npst.boolean_dtypes()
    | npst.integer_dtypes()
    | npst.unsigned_integer_dtypes()
    | npst.floating_dtypes(sizes=(16, 32, 64))
    | npst.complex_number_dtypes(sizes=(64, 128))
    | npst.datetime64_dtypes(max_period="D", min_period="ns")
    | npst.timedelta64_dtypes(max_period="D", min_period="ns")
    | npst.byte_string_dtypes(min_len=1, max_len=4)
    | npst.unicode_string_dtypes(min_len=1, max_len=4)
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "Int64": st.none() | NUMBERS,
    "Float64": st.none() | st.floats(),
    "String": st.none() | TEXTS,
    "Boolean": st.none() | st.booleans(),
    "Binary": st.none() | st.binary(max_size=6),
    "Date": st.none() | st.dates(),
}


@pytest.fixture(scope="module", autouse=True)
def round_trips(figures: Record) -> Iterator[None]:
    before = next(TRIPS)
    yield
    figures("round trips", next(TRIPS) - before - 1)


def through(value: object, form: object) -> object:
    next(TRIPS)
    typed = TypedValue(form)
    return typed.decode(typed.encode(value))


def same(one: object, other: object) -> bool:
    """Equal with NaN equal to itself, -0.0 different from 0.0, and True from 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return math.copysign(1, one) == math.copysign(1, other) and (
            one == other or (math.isnan(one) and math.isnan(other))
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(part, other[key]) for key, part in one.items())
    return one == other


@CALM
@given(PLAIN)
def test_plain_data_without_a_type(value: object) -> None:
    assert same(through(value, object), value)


@CALM
@given(PLAIN)
def test_json_and_msgpack_say_the_same(value: object) -> None:
    body = encode(value)
    back = msgspec.msgpack.decode(from_json(to_json(body)))
    assert same(_signless(resolve(back)), _signless(value))
    assert same(_signless(resolve(plain_data(value))), _signless(value))


def _signless(value: object) -> object:
    """JSON has no sign for NaN."""
    if isinstance(value, float) and math.isnan(value):
        return math.nan
    if isinstance(value, list):
        return [_signless(one) for one in value]
    return {key: _signless(one) for key, one in value.items()} if isinstance(value, dict) else value


@CALM
@given(st.integers())
def test_integers_of_any_length(value: int) -> None:
    assert through(value, int) == value
    assert through({"a": [value]}, dict[str, list[int]]) == {"a": [value]}


@CALM
@given(npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
def test_arrays(value: np.ndarray[Any, Any]) -> None:
    for form in (np.ndarray, object):
        back = through(value, form)
        assert isinstance(back, np.ndarray)
        assert same_array(back, value)


@CALM
@given(DTYPES.flatmap(lambda kind: npst.arrays(kind, ())))
def test_scalars_come_back_or_are_refused(value: np.ndarray[Any, Any]) -> None:
    scalar = value[()]
    try:
        back = through(scalar, type(scalar))
    except (ValueError, TypeError, msgspec.ValidationError):
        assert scalar.dtype.kind == "m" or (scalar.dtype.kind == "S" and not scalar), (
            f"{scalar!r} was refused"
        )
        return
    assert type(back) is type(scalar)
    # NaN and NaT equal nothing, also as a part of a complex number.
    unlike_itself = bool(np.not_equal(value, value)) and str(back) == str(scalar)
    assert same_array(np.asarray(back), value) or back == scalar or unlike_itself


@st.composite
def tables(draw: st.DrawFn) -> dict[str, tuple[str, list[Any]]]:
    """Columns by name: their polars type and cells."""
    rows = draw(st.integers(0, 4))
    names = draw(st.lists(COLUMN_NAMES, max_size=4, unique=True))
    kinds = [draw(st.sampled_from(sorted(COLUMNS))) for _ in names]
    return {
        name: (kind, draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows)))
        for name, kind in zip(names, kinds, strict=True)
    }


def polars_of(columns: dict[str, tuple[str, list[Any]]]) -> pl.DataFrame:
    return pl.DataFrame(
        [pl.Series(name, cells, getattr(pl, kind)) for name, (kind, cells) in columns.items()]
    )


@CALM
@given(tables())
def test_polars(columns: dict[str, tuple[str, list[Any]]]) -> None:
    frame = polars_of(columns)
    for form in (pl.DataFrame, object):
        back = through(frame, form)
        assert isinstance(back, pl.DataFrame)
        same_polars(back, frame, check_exact=True)
    for series in frame:
        found = through(series, pl.Series)
        assert isinstance(found, pl.Series)
        same_polars(found.to_frame(), series.to_frame(), check_exact=True)


@CALM
@given(tables())
def test_arrow(columns: dict[str, tuple[str, list[Any]]]) -> None:
    table: Any = polars_of(columns).to_arrow()
    back: Any = through(table, pa.Table)
    assert back.schema.equals(table.schema)
    assert to_rows(back) == to_rows(table)
    if table.num_columns:
        batch = pa.RecordBatch.from_pylist(table.to_pylist(), schema=table.schema)
        found: Any = through(batch, pa.RecordBatch)
        assert found.schema.equals(batch.schema)
        assert to_rows(pa.Table.from_batches([found])) == to_rows(pa.Table.from_batches([batch]))


def to_rows(table: Any) -> str:
    """Cells as text: NaN is equal to itself."""
    return repr(table.to_pylist())


@CALM
@given(tables(), st.data())
def test_pandas(columns: dict[str, tuple[str, list[Any]]], data: st.DataObject) -> None:
    frame = pd.DataFrame({name: cells for name, (_, cells) in columns.items()})
    if len(frame):
        labels = st.lists(NUMBERS | TEXTS, min_size=len(frame), max_size=len(frame))
        frame.index = pd.Index(data.draw(labels), name=data.draw(st.none() | TEXTS))
    try:
        back = through(frame, pd.DataFrame)
    except (ValueError, TypeError):
        return  # refused: Arrow has no type for a column of several
    assert isinstance(back, pd.DataFrame)
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.array([object()]), "Python objects"),
        (np.ma.masked_array([1, 2], [True, False]), "plain array"),
        (np.longdouble(1) / 3, "more digits"),
        (np.timedelta64(1, "ns"), "microsecond"),
        (np.timedelta64(1, "M"), "no fixed length"),
        (np.zeros(1, "i4, f8")[0], "cannot be sent"),
        (pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}), "would change"),
        (pd.DataFrame({"a": [1, "x"]}), "a"),
        (pl.DataFrame({"a": [object()]}), "Python objects"),
        (pl.LazyFrame({"a": [1]}), "collect"),
        (pd.Timedelta(1, "ns"), "microsecond"),
    ],
)
def test_what_could_not_arrive_as_it_was_is_refused(value: object, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        encode(value)


@pytest.mark.parametrize(
    "form", [np.ndarray, pd.DataFrame, pd.Series, pl.DataFrame, pl.Series, pa.Table, pa.RecordBatch]
)
@CALM
@given(body=st.binary(max_size=64))
def test_bytes_that_are_none_of_the_kind_are_refused(form: type, body: bytes) -> None:
    from headrace.serializers.registry import serializer_of

    serializer = serializer_of(form)
    assert serializer is not None
    for data in (body, [None, body], {"x": body}, None):
        with pytest.raises(msgspec.ValidationError):
            TypedValue(form).decode(msgspec.msgpack.encode(tagged.tag(serializer.tag, data)))


def test_nothing_is_ever_unpickled() -> None:
    import io
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("it was unpickled",))

    written = io.BytesIO()
    np.save(written, np.array([Trap()], dtype=object), allow_pickle=True)
    for body in (written.getvalue(), pickle.dumps(Trap())):
        with pytest.raises(msgspec.ValidationError):
            TypedValue(np.ndarray).decode(msgspec.msgpack.encode(tagged.tag("npy", body)))


@CALM
@given(st.builds(Order, number=st.integers(), day=st.dates(), sizes=st.sets(NUMBERS, max_size=3)))
def test_pydantic_models(value: Order) -> None:
    assert through(value, Order) == value


@CALM
@given(st.builds(Parcel, sender=TEXTS, grams=st.integers()))
def test_attrs_classes(value: Parcel) -> None:
    assert through(value, Parcel) == value


TREES: st.SearchStrategy[Tree] = st.deferred(
    lambda: st.builds(Tree, label=TEXTS | TEXTS.map(_path), children=st.lists(TREES, max_size=2))
)


def _path(text: str) -> Any:
    from pathlib import Path

    return Path(text.replace("\0", "_"))


@CALM
@given(TREES)
def test_a_type_that_holds_itself_and_a_union(value: Tree) -> None:
    assert through(value, Tree) == value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.row}: {kind.form}")
def test_values_pass_as_params_in_json(kind: Kind) -> None:
    data = [plain_data(value, kind.form) for value in kind.values]
    schemas, shared = shared_schemas({"value": kind.form}, "here")
    definition = WorkflowDefinition(
        name="flow", nodes=(), tasks={}, params=schemas, required=("value",), schema_definitions=shared
    )
    for value, sent in zip(kind.values, data, strict=True):
        params = msgspec.Raw(from_json(msgspec.json.encode({"value": sent})))
        completed = Params(definition).complete(StartRun(run_id="r", workflow="flow", params=params))
        back = TypedValue(kind.form).decode(
            msgspec.msgpack.decode(completed, type=dict[str, msgspec.Raw])["value"]
        )
        # A definition keeps the keys of a literal in the order of their names: the same content has the same version.
        assert kind.same(back, value) or (isinstance(back, dict) and dict(back) == value)
