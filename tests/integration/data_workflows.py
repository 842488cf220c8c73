"""Values of many kinds between tasks in threads and in processes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from headrace import task, workflow


@task
def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"n": range(rows), "text": ["é"] * rows})


@task(isolation="process")
def doubled(table: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"n": (table["n"] * 2).tolist()})


@task
def total(table: pl.DataFrame) -> np.int64:
    return np.int64(table["n"].sum())


@workflow
def frames(rows: int) -> int:
    return total(doubled(frame(rows)))


@task
def odd(number: int, place: Path, day: dt.date, blob: bytes) -> dict[str, object]:
    return {
        "long": 10**30,
        "number": number,
        "nan": float("nan"),
        "blob": blob,
        "place": place.name,
        "day": day,
    }


@task(isolation="process")
def array(values: dict[str, object]) -> npt.NDArray[np.float64]:
    assert values["long"] == 10**30
    assert values["blob"] == b"\x00\xff"
    return np.array([values["nan"], 1.5])


@workflow
def oddities(
    number: int, place: Path = Path("a/b"), day: dt.date = dt.date(2024, 2, 29), blob: bytes = b"\x00\xff"
) -> list[object]:
    values = odd(number, place, day, blob)
    return [values, array(values)]
