"""A finished month on disk: the statistics as Parquet, the plot as SVG, and one HTML page with both."""

from html import escape
from pathlib import Path
from string import Template

import msgspec
import polars as pl

from flights_files import month_directory, month_name, replacing
from flights_plot import draw
from flights_types import CarrierStatistics, Landed, Report

PAGE = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))


def write_month(landed: Landed, carriers: list[CarrierStatistics]) -> Report:
    if (counted := sum(one.flights for one in carriers)) != landed.rows:
        raise ValueError(f"the carriers have {counted} flights together, the month has {landed.rows}")
    directory = month_directory(landed.output, landed.month)
    ranked = sorted(carriers, key=lambda one: (one.delayed_share or 0.0, one.carrier), reverse=True)
    days = daily(landed)
    report = Report(
        month=landed.month,
        flights=landed.rows,
        carriers=len(carriers),
        cancelled=sum(one.cancelled for one in carriers),
        mean_departure_delay=mean_delay(carriers),
        most_delayed=ranked[0].name,
        statistics=str(directory / "carriers.parquet"),
        plot=str(directory / "plot.svg"),
        report=str(directory / "report.html"),
    )
    plot = draw(f"Flights from New York, {month_name(landed.month)}", days, ranked)
    with replacing(Path(report.statistics)) as partial:
        statistics_table(carriers).write_parquet(partial)
    with replacing(Path(report.plot)) as partial:
        partial.write_text(plot, encoding="utf-8")
    with replacing(Path(report.report)) as partial:
        partial.write_text(page(report, ranked, plot), encoding="utf-8")
    return report


def mean_delay(carriers: list[CarrierStatistics]) -> float | None:
    """The month's mean departure delay from the carriers' means, weighted by their departures."""
    departures = [(one.flights - one.cancelled, one.departure.mean) for one in carriers]
    total = sum(count for count, mean in departures if mean is not None)
    if not total:
        return None
    return sum(count * mean for count, mean in departures if mean is not None) / total


def statistics_table(carriers: list[CarrierStatistics]) -> pl.DataFrame:
    """One row per carrier; nested facts are struct columns."""
    return pl.DataFrame(msgspec.to_builtins(carriers), infer_schema_length=None)


def daily(landed: Landed) -> pl.DataFrame:
    """Per day: mean departure delay, share cancelled, and the rain in inches (mean of the three airports)."""
    flights = (
        pl.scan_parquet(landed.flights)
        .group_by("day")
        .agg(delay=pl.col("dep_delay").mean(), cancelled=pl.col("dep_time").is_null().mean())
    )
    rain = (
        pl.scan_parquet(Path(landed.reference) / "weather.parquet")
        .filter(pl.col("month") == landed.month)
        .group_by("day")
        .agg(rain=pl.col("precip").sum() / pl.col("origin").n_unique())
        .with_columns(pl.col("day").cast(pl.Int32))
    )
    return flights.join(rain, on="day", how="left").sort("day").collect()


def page(report: Report, ranked: list[CarrierStatistics], plot: str) -> str:
    return PAGE.substitute(
        month=month_name(report.month),
        flights=f"{report.flights:,}",
        carriers=report.carriers,
        cancelled=f"{report.cancelled:,}",
        delay=_minutes(report.mean_departure_delay),
        most_delayed=escape(report.most_delayed),
        plot=plot,
        rows="\n".join(_table_row(one) for one in ranked),
    )


def _table_row(one: CarrierStatistics) -> str:
    worst = one.worst_weather
    cells = [
        escape(one.name),
        f"{one.flights:,}",
        f"{one.cancelled:,}",
        "–" if one.delayed_share is None else f"{one.delayed_share:.0%}",
        _minutes(one.departure.mean),
        _minutes(one.departure.median),
        _minutes(one.departure.p90),
        _minutes(one.arrival.mean),
        "–" if worst is None else f"{escape(worst.bucket.condition)}, {worst.added_delay:+.0f} min",
        "–" if one.planes.mean_seats is None else f"{one.planes.mean_seats:.0f}",
        "–" if one.planes.mean_age is None else f"{one.planes.mean_age:.0f}",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _minutes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
