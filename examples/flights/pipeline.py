"""A month of flights lands, and its report is written: validate, one task per carrier, join.

Large data goes between the tasks as paths of Parquet files, small results as typed values.
"""

import logging
import os
from pathlib import Path

# A worker runs several tasks side by side, each on small data: threads inside Polars would only compete.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from opentelemetry import trace

from flights_files import month_directory, replacing
from flights_report import write_month
from flights_statistics import carrier_flights, join_weather, summarise
from flights_types import CarrierStatistics, Landed, Report
from flights_validation import MalformedFileError, read_month
from headrace import Fail, event, task, workflow

logger = logging.getLogger("flights")
tracer = trace.get_tracer("flights")


@task(retries=3, timeout="60s")
def validate(month: int, path: str, output: str) -> Landed:
    """Types every cell of the month's CSV. A bad cell is nothing a retry could mend."""
    source = Path(path)
    try:
        flights = read_month(source.read_bytes(), month, source.name)
    except FileNotFoundError as error:
        raise Fail(f"{path}: there is no such file", file=path) from error
    except MalformedFileError as error:
        raise Fail(str(error), file=path, row=error.row, column=error.column) from error
    typed = month_directory(output, month) / "flights.parquet"
    with replacing(typed) as partial:
        flights.write_parquet(partial)
    carriers = sorted(flights["carrier"].unique())
    logger.info("%s: %d flights of %d carriers are valid", source.name, flights.height, len(carriers))
    return Landed(
        month=month,
        source=path,
        reference=str(source.parent),
        output=output,
        flights=str(typed),
        rows=flights.height,
        carriers=carriers,
    )


@task(retries=3, timeout="60s")
def carrier_statistics(carrier: str, month: Landed) -> CarrierStatistics:
    flights = carrier_flights(month, carrier)
    with tracer.start_as_current_span("join weather", attributes={"carrier": carrier}):
        joined = join_weather(flights, month.reference)
    statistics = summarise(carrier, joined, month)
    print(f"{statistics.name}: {statistics.flights:,} flights, {statistics.cancelled:,} cancelled")
    return statistics


@task(retries=3, timeout="60s")
def write_report(month: Landed, carriers: list[CarrierStatistics]) -> Report:
    return write_month(month, carriers)


@workflow(
    triggers=[
        event(
            "flights.month.landed",
            params={"month": "event.data.month", "path": "event.data.path", "output": "event.data.output"},
        )
    ],
    deadline="5m",
)
def flights_month(month: int, path: str, output: str) -> Report:
    landed = validate(month, path, output)
    statistics = carrier_statistics.map(landed.carriers, month=landed)
    return write_report(landed, statistics)
