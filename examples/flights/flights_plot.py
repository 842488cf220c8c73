"""The month in one picture: its days with their rain, its carriers, its weather.

The picture is bars and words, so it is written as SVG directly: a plotting library's import would take
longer than all the other work of the month. The same statistics give the same bytes, whichever attempt
writes them.
"""

import itertools
from collections.abc import Iterable, Sequence
from html import escape

import polars as pl

from flights_statistics import CONDITIONS, ENOUGH_FLIGHTS
from flights_types import CarrierStatistics

WIDTH, HEIGHT = 1040, 720
FONT = 'font-family="system-ui, sans-serif" font-size="12"'
BLUE, RED, GREY, RAIN = "#2f6f9f", "#c8553d", "#9aa5b1", "#a9d3ea"
INK, QUIET, LINE = "#1f2933", "#616e7c", "#e4e7eb"

Row = tuple[str, float, str, str]


def draw(title: str, days: pl.DataFrame, ranked: list[CarrierStatistics]) -> str:
    """The plot as SVG text. `days` has day, delay and rain; `ranked` begins with the most delayed."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} role="img">',
        f"<title>{escape(title)}</title>",
        _rect(0, 0, WIDTH, HEIGHT, "#ffffff"),
        _text(20, 36, title, size=19, weight=600),
        *_days(days),
        *_carriers(ranked),
        *_weather(ranked),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _days(days: pl.DataFrame) -> Iterable[str]:
    """Delays stand on the zero line, rain hangs from above: a wet day is seen over a late one."""
    left, right, ceiling, ground, tallest = 60, 960, 88, 290, 128
    delays = [delay or 0.0 for delay in days["delay"]]
    inches = [value or 0.0 for value in days["rain"]]
    usual, top, most_rain = sum(delays) / len(delays), max([1.0, *delays]), max([1.0, *inches])
    pitch = (right - left) / len(delays)
    scale, rain_scale = tallest / top, 62 / most_rain
    yield _text(left, 72, "Mean departure delay per day, in minutes", weight=600)
    yield _rect(right - 400, 63, 10, 10, RED)
    yield _text(right - 384, 72, "half above the month's mean", fill=QUIET)
    yield _rect(right - 176, 63, 10, 10, RAIN)
    yield _text(right - 160, 72, f"rain, at most {max(inches):.1f} inches", fill=QUIET)
    for tick in _ticks(top):
        y = ground - tick * scale
        yield _rect(left, y, right - left, 1, LINE)
        yield _text(left - 8, y + 4, f"{tick}", fill=QUIET, anchor="end")
    for index, (day, delay, rain) in enumerate(zip(days["day"], delays, inches, strict=True)):
        x, width = left + (index + 0.14) * pitch, 0.72 * pitch
        height = abs(delay) * scale
        yield _rect(x, ceiling, width, rain * rain_scale, RAIN)
        yield _rect(x, ground - max(delay, 0) * scale, width, height, RED if delay > 1.5 * usual else BLUE)
        if day == 1 or day % 5 == 0:
            lowest = -min([0.0, *delays]) * scale
            yield _text(x + width / 2, ground + lowest + 17, f"{day}", fill=QUIET, anchor="middle")


def _carriers(ranked: list[CarrierStatistics]) -> Iterable[str]:
    rows = [
        (
            _short(one.name),
            one.delayed_share or 0.0,
            BLUE,
            _share(one.delayed_share, one.flights - one.cancelled),
        )
        for one in ranked
    ]
    return _bars("Departures 15 minutes late or more", rows, left=170, longest=210)


def _weather(carriers: list[CarrierStatistics]) -> Iterable[str]:
    conditions = weather_of_month(carriers)
    worst = max((mean for _, flights, mean in conditions if flights >= ENOUGH_FLIGHTS), default=None)
    rows = [
        (condition, mean, RED if mean == worst else GREY, f"{mean:.0f} · {flights:,} flights")
        for condition, flights, mean in conditions
    ]
    return _bars("Mean departure delay by weather, in minutes", rows, left=690, longest=200)


def _bars(title: str, rows: Sequence[Row], left: float, longest: float) -> Iterable[str]:
    """Rows of label, value, colour and note, from the top."""
    first, last = 372, HEIGHT - 20
    pitch = min(36.0, (last - first) / max(1, len(rows)))
    scale = longest / max([1e-9, *(value for _, value, _, _ in rows)])
    yield _text(left, 356, title, weight=600)
    for index, (label, value, colour, note) in enumerate(rows):
        y, length = first + index * pitch, max(value, 0.0) * scale
        middle = y + pitch / 2 + 4
        yield _text(left - 8, middle, label, anchor="end")
        yield _rect(left, y + 0.16 * pitch, length, 0.68 * pitch, colour)
        yield _text(left + length + 7, middle, note, size=11, fill=QUIET)
    yield _rect(left - 0.5, first, 1, pitch * len(rows), GREY)


def weather_of_month(carriers: list[CarrierStatistics]) -> list[tuple[str, int, float]]:
    """Condition, flights and mean delay over all carriers, in the order of CONDITIONS."""
    met = [bucket for one in carriers for bucket in one.weather]
    combined = []
    for _, condition in itertools.chain.from_iterable(CONDITIONS.values()):
        buckets = [bucket for bucket in met if bucket.condition == condition]
        if flights := sum(bucket.flights for bucket in buckets):
            minutes = sum(bucket.flights * bucket.mean_delay for bucket in buckets)
            combined.append((condition, flights, minutes / flights))
    return combined


def _ticks(top: float) -> range:
    """Zero and up to four round numbers below `top`."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if top / step <= 4)
    return range(0, int(top) + 1, step)


def _share(share: float | None, departed: int) -> str:
    return "none departed" if share is None else f"{share:.0%} of {departed:,}"


def _short(name: str) -> str:
    for ending in (" Inc.", " Co.", " Corporation", " Airlines", " Air Lines"):
        name = name.removesuffix(ending)
    return name


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    fill: str = INK,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )
