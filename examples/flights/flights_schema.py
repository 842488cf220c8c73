"""The contract of a month's CSV: every column's type, range and whether it may be missing."""

import msgspec
import polars as pl

from flights_data import TIME_FORMAT
from flights_files import YEAR

MISSING = "NA"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: a whole number within bounds, a text by pattern, or an hour in UTC."""

    name: str
    meaning: str
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    optional: bool = False

    def of_month(self, month: int) -> "Column":
        if self.name != "month":
            return self
        return msgspec.structs.replace(self, low=month, high=month)

    @property
    def expected(self) -> str:
        meaning = self.meaning
        if self.low is not None and self.low == self.high:
            meaning = f"{meaning} {self.low}"
        elif self.low is not None:
            meaning = f"{meaning} from {self.low} to {self.high}"
        return f"{meaning}, or {MISSING}" if self.optional else meaning

    def typed(self) -> pl.Expr:
        """The column's value from its text; null where the text is missing or does not convert."""
        text = pl.col(self.name)
        if self.low is not None:
            return text.cast(pl.Int32, strict=False)
        if self.pattern is not None:
            return text.replace(MISSING, None) if self.optional else text
        return text.str.to_datetime(TIME_FORMAT, time_zone="UTC", strict=False)

    def is_bad(self) -> pl.Expr:
        text, value = pl.col(self.name), self.typed()
        if self.low is not None:
            good = value.is_between(self.low, self.high)
        elif self.pattern is not None:
            good = text.str.contains(self.pattern)
        else:
            # A year of two digits converts too, to the first century.
            good = value.dt.year().is_between(YEAR, YEAR + 1)
        good = good.fill_null(False)
        return (~(good | (text == MISSING)) if self.optional else ~good).alias(self.name)


def _number(name: str, low: int, high: int, meaning: str, optional: bool = False) -> Column:
    return Column(name=name, meaning=meaning, low=low, high=high, optional=optional)


def _text(name: str, meaning: str, pattern: str, optional: bool = False) -> Column:
    return Column(name=name, meaning=meaning, pattern=f"^(?:{pattern})$", optional=optional)


_CLOCK = "a clock time as HHMM"
_MINUTES = "a whole number of minutes"

COLUMNS = (
    _number("year", YEAR, YEAR, "the year"),
    _number("month", 1, 12, "the month"),
    _number("day", 1, 31, "a day"),
    _number("dep_time", 1, 2400, _CLOCK, optional=True),
    _number("sched_dep_time", 0, 2359, _CLOCK),
    _number("dep_delay", -120, 2880, _MINUTES, optional=True),
    _number("arr_time", 1, 2400, _CLOCK, optional=True),
    _number("sched_arr_time", 0, 2359, _CLOCK),
    _number("arr_delay", -240, 2880, _MINUTES, optional=True),
    _text("carrier", "a carrier code of two letters or digits", "[0-9A-Z]{2}"),
    _number("flight", 1, 9999, "a flight number"),
    _text("tailnum", "a tail number of five or six letters and digits", "[0-9A-Z]{5,6}", optional=True),
    _text("origin", "one of EWR, JFK, LGA", "EWR|JFK|LGA"),
    _text("dest", "an airport code of three letters", "[A-Z]{3}"),
    _number("air_time", 1, 1440, _MINUTES, optional=True),
    _number("distance", 1, 12_000, "a whole number of miles"),
    _number("hour", 0, 23, "an hour"),
    _number("minute", 0, 59, "a minute"),
    Column(name="time_hour", meaning="a UTC hour such as 2013-01-31T10:00:00Z"),
)
