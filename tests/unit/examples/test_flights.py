"""The flights example as plain functions, on the real data."""

import sys
from pathlib import Path

import msgspec
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "flights"))

import flights_data
import flights_expected
from flights_files import month_directory, replacing
from flights_report import write_month
from flights_statistics import delay_of
from flights_types import CarrierStatistics, Landed, Report
from flights_validation import MalformedFileError, read_month
from headrace import Fail
from pipeline import carrier_statistics, flights_month, validate

MONTH = 2


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return flights_data.land(tmp_path_factory.mktemp("landing"))


@pytest.fixture(scope="module")
def february(landing: dict[int, Path]) -> list[str]:
    """The first lines of the month, enough to break any column of."""
    return landing[MONTH].read_text().splitlines()[:200]


@pytest.fixture(scope="module")
def landed(landing: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Landed:
    return validate(MONTH, str(landing[MONTH]), str(tmp_path_factory.mktemp("output")))


@pytest.fixture(scope="module")
def statistics(landed: Landed) -> list[CarrierStatistics]:
    return [carrier_statistics(carrier, landed) for carrier in landed.carriers]


@pytest.fixture(scope="module")
def report(landed: Landed, statistics: list[CarrierStatistics]) -> Report:
    return write_month(landed, statistics)


def test_the_months_hold_every_flight_of_the_year(landing: dict[int, Path]) -> None:
    rows = sum(path.read_bytes().count(b"\n") - 1 for path in landing.values())
    assert list(landing) == list(range(1, 13))
    assert rows == flights_expected.YEAR_FLIGHTS


def test_the_malformed_month_names_file_row_and_column(landing: dict[int, Path]) -> None:
    path = landing[flights_data.MALFORMED.month]
    with pytest.raises(MalformedFileError) as caught:
        read_month(path.read_bytes(), 6, path.name)
    assert (caught.value.file, caught.value.row, caught.value.column) == (path.name, 21_318, "dep_delay")
    assert path.read_text().splitlines()[caught.value.row - 1].split(",")[5] == "n/a?"
    assert "found 'n/a?', expected a whole number of minutes" in str(caught.value)


def test_the_malformed_month_fails_for_good_and_leaves_nothing(
    landing: dict[int, Path], tmp_path: Path
) -> None:
    with pytest.raises(Fail, match=r"flights-2013-06\.csv, row 21318, column dep_delay") as caught:
        flights_month(6, str(landing[6]), str(tmp_path))
    assert caught.value.details == {"file": str(landing[6]), "row": "21318", "column": "dep_delay"}
    assert list(tmp_path.rglob("*.*")) == []


def test_a_file_that_is_not_there_fails_for_good(tmp_path: Path) -> None:
    with pytest.raises(Fail, match="there is no such file"):
        flights_month(1, str(tmp_path / "flights.csv"), str(tmp_path))


def test_the_workflow_is_a_plain_function_of_the_month(landing: dict[int, Path], tmp_path: Path) -> None:
    report = flights_month(3, str(landing[3]), str(tmp_path))
    assert report.flights == 28_834
    assert flights_expected.verify(tmp_path, [3]) == []


def test_the_corrected_month_is_valid(landing: dict[int, Path]) -> None:
    path = flights_data.correct(landing[6].parent, 6)
    assert read_month(path.read_bytes(), 6, path.name).height == 28_243


@pytest.mark.parametrize(
    ("line", "old", "new", "column", "found"),
    [
        (1, "dep_delay", "delay", "dep_delay", "'delay'"),
        (2, ",UA,", ",U,", "carrier", "'U'"),
        (2, ",EWR,", ",PHL,", "origin", "'PHL'"),
        (2, "2013-", "13-", "time_hour", "'13-"),
        (3, ",LGA,", ",,", "origin", "an empty cell"),
        (3, ",LGA,", ",NA,", "origin", "'NA' (missing)"),
        (3, ",LGA,", ",LGA,LGA,", "time_hour", "20 cells"),
        (3, ",LGA,", ",", "time_hour", "18 cells"),
        (3, ",LGA,", ",L\udcffA,", "origin", "the byte 0xff"),
        (3, "2013,2,", "2013,3,", "month", "'3'"),
        (3, "2013,2,1,", "2013,2,1.0,", "day", "'1.0'"),
    ],
)
def test_the_first_bad_cell_is_found(
    february: list[str], line: int, old: str, new: str, column: str, found: str
) -> None:
    lines = list(february)
    place = next(index for index in range(line - 1, len(lines)) if old in lines[index])
    lines[place] = new.join(lines[place].rsplit(old, 1))
    content = "\n".join(lines).encode(errors="surrogateescape")
    with pytest.raises(MalformedFileError) as caught:
        read_month(content, MONTH, "february.csv")
    assert (caught.value.row, caught.value.column) == (place + 1, column)
    assert caught.value.found.startswith(found)


@pytest.mark.parametrize(("lines", "row"), [(0, 1), (1, 2)])
def test_a_file_without_flights_is_malformed(february: list[str], lines: int, row: int) -> None:
    with pytest.raises(MalformedFileError) as caught:
        read_month("\n".join(february[:lines]).encode(), MONTH, "empty.csv")
    assert caught.value.row == row


def test_the_earliest_of_several_bad_cells_is_named(february: list[str]) -> None:
    lines = list(february)
    for place, value in ((40, "x"), (20, "y"), (30, "z")):
        cells = lines[place].split(",")
        cells[place // 5] = value
        lines[place] = ",".join(cells)
    with pytest.raises(MalformedFileError, match="row 21, column sched_dep_time"):
        read_month("\n".join(lines).encode(), MONTH, "february.csv")


def test_lines_may_end_as_windows_ends_them(february: list[str]) -> None:
    content = "\r\n".join(february).encode()
    assert read_month(content, MONTH, "february.csv").height == len(february) - 1


def test_the_results_agree_with_the_source(landed: Landed, report: Report) -> None:
    assert flights_expected.verify(landed.output, [MONTH]) == []
    assert (report.flights, report.carriers) == (24_951, 15)


def test_wrong_and_missing_results_are_found(landed: Landed, report: Report, tmp_path: Path) -> None:
    table = pl.read_parquet(report.statistics)
    wrong = month_directory(tmp_path, MONTH)
    for name in ("report.html", "plot.svg"):
        (wrong / name).write_bytes((Path(report.report).parent / name).read_bytes())
    table.filter(pl.col("carrier") != "UA").with_columns(pl.col("flights") + 1).write_parquet(
        wrong / "carriers.parquet"
    )
    problems = flights_expected.verify(tmp_path, [MONTH, 3])
    assert "2013-02: carriers UA are missing" in problems
    assert any(problem.startswith("2013-02, AA: flights is ") for problem in problems)
    assert problems[-1].startswith("2013-03: no result to read")


def test_the_page_shows_every_carrier_and_the_plot(landed: Landed, report: Report) -> None:
    page = Path(report.report).read_text(encoding="utf-8")
    assert "<svg" in page
    assert page.count("<tr>") == len(landed.carriers) + 1
    assert "ExpressJet" in Path(report.plot).read_text(encoding="utf-8")


def test_a_report_counts_every_flight_or_fails(landed: Landed, statistics: list[CarrierStatistics]) -> None:
    with pytest.raises(ValueError, match="the month has 24951"):
        write_month(landed, statistics[1:])


def test_the_same_statistics_make_the_same_files(
    landed: Landed, statistics: list[CarrierStatistics], report: Report
) -> None:
    files = [report.statistics, report.plot, report.report]
    before = [Path(file).read_bytes() for file in files]
    write_month(landed, list(reversed(statistics)))
    assert [Path(file).read_bytes() for file in files[1:]] == before[1:]


def test_a_month_where_nothing_departed_still_has_a_report(landed: Landed, tmp_path: Path) -> None:
    cancelled = pl.read_parquet(landed.flights).filter(pl.col("dep_time").is_null())
    path = tmp_path / "cancelled.parquet"
    cancelled.write_parquet(path)
    carriers = sorted(cancelled["carrier"].unique())
    quiet = msgspec.structs.replace(
        landed, output=str(tmp_path), flights=str(path), rows=cancelled.height, carriers=carriers
    )
    found = [carrier_statistics(carrier, quiet) for carrier in carriers]
    assert all(one.delayed_share is None and one.worst_weather is None for one in found)
    assert write_month(quiet, found).mean_departure_delay is None


def test_delays_of_no_flights_are_unknown() -> None:
    unknown = delay_of(pl.Series([None], dtype=pl.Int32))
    assert (unknown.mean, unknown.median, unknown.p90) == (None, None, None)


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.html", "old")]
