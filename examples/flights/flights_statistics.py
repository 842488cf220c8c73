"""What a carrier's month looks like: delays, the weather they came with, the planes flown.

Departure delays carry the weather analysis: weather is that of the origin, in the scheduled hour.
"""

import math
from pathlib import Path

import polars as pl

from flights_types import CarrierStatistics, Delay, Landed, Planes, WeatherBucket, WorstWeather

LATE_MIN = 15
# Wind above this is a broken reading (the source has one of 1,048 mph).
PLAUSIBLE_WIND_MPH = 150
# A condition that few flights met says more about those flights than about the weather.
ENOUGH_FLIGHTS = 20

# measure: (lower bound, condition) in rising order; a value belongs to the last bound it reaches.
CONDITIONS = {
    "wind_speed": ((0.0, "wind under 10 mph"), (10.0, "wind 10 to 20 mph"), (20.0, "wind over 20 mph")),
    "precip": ((0.0, "dry"), (0.001, "light rain"), (0.1, "heavy rain")),
    "visib": ((0.0, "sight under 3 miles"), (3.0, "sight 3 to 9 miles"), (9.0, "clear sight")),
}


def carrier_flights(landed: Landed, carrier: str) -> pl.DataFrame:
    return pl.scan_parquet(landed.flights).filter(pl.col("carrier") == carrier).collect()


def join_weather(flights: pl.DataFrame, reference: str) -> pl.DataFrame:
    """Adds the weather at the origin in the scheduled hour; `observed` is null where there is none."""
    wind = pl.col("wind_speed")
    weather = (
        pl.scan_parquet(Path(reference) / "weather.parquet")
        .select("origin", "time_hour", "wind_speed", "precip", "visib", observed=pl.lit(True))
        .with_columns(pl.when(wind <= PLAUSIBLE_WIND_MPH).then(wind).alias("wind_speed"))
    )
    return flights.lazy().join(weather, on=["origin", "time_hour"], how="left").collect()


def summarise(carrier: str, flights: pl.DataFrame, landed: Landed) -> CarrierStatistics:
    """`flights` are the carrier's, with the weather joined."""
    departed = flights.filter(pl.col("dep_delay").is_not_null())
    late = departed["dep_delay"] >= LATE_MIN
    buckets = weather_buckets(departed)
    return CarrierStatistics(
        carrier=carrier,
        name=carrier_name(carrier, landed.reference),
        month=landed.month,
        flights=flights.height,
        cancelled=flights["dep_time"].null_count(),
        with_weather=flights["observed"].count(),
        delayed_share=_number(late.mean()),
        departure=delay_of(flights["dep_delay"]),
        arrival=delay_of(flights["arr_delay"]),
        weather=buckets,
        worst_weather=worst_weather(buckets, departed),
        planes=plane_facts(flights, landed.reference),
    )


def delay_of(minutes: pl.Series) -> Delay:
    return Delay(
        mean=_number(minutes.mean()),
        median=_number(minutes.median()),
        p90=_number(minutes.quantile(0.9, interpolation="linear")),
    )


def weather_buckets(departed: pl.DataFrame) -> list[WeatherBucket]:
    """The conditions that were met, in the order of CONDITIONS."""
    met = []
    for measure, conditions in CONDITIONS.items():
        bounds = [low for low, _ in conditions] + [float("inf")]
        for (low, condition), high in zip(conditions, bounds[1:], strict=True):
            among = (pl.col(measure) >= low) & (pl.col(measure) < high)
            delays = pl.col("dep_delay").filter(among)
            met.append(delays.count().alias(f"{condition} n"))
            met.append(delays.mean().alias(f"{condition} mean"))
    row = departed.select(met).row(0, named=True)
    return [
        WeatherBucket(
            measure=measure,
            condition=condition,
            flights=row[f"{condition} n"],
            mean_delay=row[f"{condition} mean"],
        )
        for measure, conditions in CONDITIONS.items()
        for _, condition in conditions
        if row[f"{condition} n"]
    ]


def worst_weather(buckets: list[WeatherBucket], departed: pl.DataFrame) -> WorstWeather | None:
    """None where no condition was met by enough flights."""
    candidates = [bucket for bucket in buckets if bucket.flights >= ENOUGH_FLIGHTS]
    if not candidates:
        return None
    worst = max(candidates, key=lambda bucket: bucket.mean_delay)
    correlation = departed.select(pl.corr("dep_delay", worst.measure)).item()
    usual = _number(departed["dep_delay"].mean()) or 0.0
    return WorstWeather(bucket=worst, added_delay=worst.mean_delay - usual, correlation=_number(correlation))


def plane_facts(flights: pl.DataFrame, reference: str) -> Planes:
    planes = pl.read_parquet(Path(reference) / "planes.parquet", columns=["tailnum", "year", "seats"])
    known = flights.select("tailnum", flown="year").join(planes, on="tailnum", how="inner")
    return Planes(
        planes=flights["tailnum"].drop_nulls().n_unique(),
        known=known.height,
        mean_seats=_number(known["seats"].mean()),
        mean_age=_number((known["flown"] - known["year"]).mean()),
    )


def carrier_name(carrier: str, reference: str) -> str:
    airlines = pl.read_parquet(Path(reference) / "airlines.parquet")
    names = airlines.filter(pl.col("carrier") == carrier)["name"]
    return str(names[0]) if len(names) else carrier


def _number(value: object) -> float | None:
    """A statistic as a float; None where there was nothing to compute it from (null, or not a number)."""
    if not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(value)
