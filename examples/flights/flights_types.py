"""What travels between the tasks: small typed values, and the paths of large Parquet files."""

import msgspec


class Landed(msgspec.Struct, frozen=True, kw_only=True):
    """A month's file that passed validation; `flights` is the Parquet of its typed rows."""

    month: int
    source: str
    reference: str
    output: str
    flights: str
    rows: int
    carriers: list[str]


class Delay(msgspec.Struct, frozen=True):
    """Minutes; negative is early, None where no flight of the group departed (or arrived)."""

    mean: float | None
    median: float | None
    p90: float | None


class WeatherBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The departed flights of one condition, such as wind of 20 mph and over."""

    measure: str
    condition: str
    flights: int
    mean_delay: float


class WorstWeather(msgspec.Struct, frozen=True, kw_only=True):
    """The condition with the longest mean departure delay; `correlation` is of the delay with its measure."""

    bucket: WeatherBucket
    added_delay: float
    correlation: float | None


class Planes(msgspec.Struct, frozen=True, kw_only=True):
    """Means are over flights: a plane that flies more counts more. `known` flights have a plane on record."""

    planes: int
    known: int
    mean_seats: float | None
    mean_age: float | None


class CarrierStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """`delayed_share` is of departed flights, 15 minutes or more late (the rule of the US DOT)."""

    carrier: str
    name: str
    month: int
    flights: int
    cancelled: int
    with_weather: int
    delayed_share: float | None
    departure: Delay
    arrival: Delay
    weather: list[WeatherBucket]
    worst_weather: WorstWeather | None
    planes: Planes


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A finished month: its totals, and where its files are."""

    month: int
    flights: int
    carriers: int
    cancelled: int
    mean_departure_delay: float | None
    most_delayed: str
    statistics: str
    plot: str
    report: str
