"""numpy: arrays as npy (without pickle), scalars as the Python numbers and times that they are."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from typing import Any, cast, get_args

import numpy as np

from headrace.serializers.forms import convert
from headrace.serializers.port import Serializer
from headrace.serializers.previews import CELL_CHARACTERS, TEXT_CHARACTERS, cut
from headrace.serializers.registry import install
from headrace_protocol.definition import JsonSchema
from headrace_protocol.messages import Preview

Array = np.ndarray[Any, np.dtype[Any]]
SHOWN = 20
_EXACT_TIMES = {"Y", "M", "W", "D", "h", "m", "s", "ms", "us"}


class Arrays(Serializer[Array]):
    """`https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html`, never with Python objects in it."""

    tag = "npy"

    def encode(self, value: Array) -> bytes:
        if type(value) not in {np.ndarray, np.memmap}:
            raise ValueError(
                f"a {type(value).__name__} would arrive as a plain array; convert it (np.asarray)"
            )
        if value.dtype.hasobject:
            raise ValueError(
                "an array of Python objects cannot be sent; give it a dtype (astype), or return a list"
            )
        written = io.BytesIO()
        np.save(written, np.asarray(value), allow_pickle=False)
        return written.getvalue()

    def decode(self, data: object, form: object) -> Array:
        if not isinstance(data, bytes):
            raise TypeError(f"Expected the bytes of an npy file, got `{type(data).__name__}`")
        made = cast(Array, np.load(io.BytesIO(data), allow_pickle=False))
        self.narrow(made, form)
        return made

    def narrow(self, value: Array, form: object) -> None:
        """Raise TypeError when the elements are not what `NDArray[...]` asks for."""
        wanted = _element(form)
        if wanted is not None and not issubclass(value.dtype.type, wanted):
            raise TypeError(f"Expected an array of {wanted.__name__}, got one of {value.dtype}")

    def schema(self, form: object) -> JsonSchema:
        return {"description": "A numpy array, as npy.", "type": "object"}

    def preview(self, value: Array) -> Preview:
        first = ", ".join(cut(str(one), CELL_CHARACTERS) for one in value.flat[:SHOWN])
        more = ", …" if value.size > SHOWN else ""
        return Preview(
            kind="numpy.ndarray",
            shape=value.shape,
            dtype=cut(str(value.dtype)),
            text=cut(f"{first}{more}", TEXT_CHARACTERS),
        )


def _element(form: object) -> type | None:
    """The scalar type of `NDArray[float64]`, None where anything goes."""
    arguments = get_args(form)
    inner = get_args(arguments[1]) if len(arguments) == 2 else ()
    return inner[0] if inner and isinstance(inner[0], type) else None


class Scalars(Serializer[np.generic]):
    """Numbers, booleans, texts, bytes and times. What loses digits on the way is refused."""

    def encode(self, value: np.generic) -> object:
        match value:
            case np.datetime64() | np.timedelta64():
                return _time(value)
            case _ if isinstance(value, np.longdouble | np.clongdouble):
                return value.item() if value.dtype.itemsize <= 8 else _narrowed(value)
            case np.complexfloating():
                number = complex(value)
                return [number.real, number.imag]
            case np.bool_() | np.number() | np.str_() | np.bytes_():
                return value.item()
            case _:
                raise ValueError(f"a numpy scalar of {value.dtype} cannot be sent; return its parts")

    def decode(self, data: object, form: object) -> np.generic:
        kind = cast(type[np.generic], form if isinstance(form, type) else np.generic)
        if isinstance(data, list) and len(data) == 2 and issubclass(kind, np.complexfloating):
            data = complex(*data)
        if issubclass(kind, np.timedelta64) and data != "NaT":
            data = convert(data, timedelta)
        if not _fits(data, kind):
            raise TypeError(f"Expected `numpy.{kind.__name__}`, got `{type(data).__name__}`")
        scalar: Any = kind
        made: np.generic = scalar(data)
        if isinstance(data, int) and issubclass(kind, np.integer) and int(made) != data:
            raise ValueError(f"{data} does not fit numpy.{kind.__name__}")
        return made

    def schema(self, form: object) -> JsonSchema:
        kinds: list[tuple[type, JsonSchema]] = [
            (np.bool_, {"type": "boolean"}),
            (np.timedelta64, {"type": "string"}),  # before the integers, to which numpy counts it
            (np.integer, {"type": "integer"}),
            (np.floating, {"type": "number"}),
            (np.str_, {"type": "string"}),
            (np.datetime64, {"type": "string"}),
        ]
        found = (schema for kind, schema in kinds if isinstance(form, type) and issubclass(form, kind))
        return next(found, {})


def _time(value: np.datetime64 | np.timedelta64) -> object:
    """ISO 8601 for times, finer than a microsecond too; a duration of whole microseconds as one."""
    if np.isnat(value):
        return "NaT"
    if isinstance(value, np.datetime64):
        return str(value)
    unit, _ = np.datetime_data(value.dtype)
    if unit in {"Y", "M", "generic"}:
        raise ValueError("a duration of years, months or no unit has no fixed length; convert it to days")
    exact = value.astype("timedelta64[us]")
    if unit not in _EXACT_TIMES and exact.astype(value.dtype) != value:
        raise ValueError("a duration finer than a microsecond cannot be sent alone; put it into an array")
    return timedelta(microseconds=int(exact.astype(np.int64)))


def _narrowed(value: np.generic) -> object:
    """A long double as a double, when that is the same number."""
    number: Any = value
    if isinstance(value, np.clongdouble):
        made = complex(number)
        if np.clongdouble(made) != value:
            raise ValueError(
                "a long double has more digits than a float; convert it, or put it into an array"
            )
        return [made.real, made.imag]
    plain = float(number)
    if np.longdouble(plain) != value and not np.isnan(number):
        raise ValueError("a long double has more digits than a float; convert it, or put it into an array")
    return plain


_TAKES: tuple[tuple[type, tuple[type, ...]], ...] = (
    (np.bool_, (bool,)),
    (np.timedelta64, (timedelta, str)),
    (np.integer, (int,)),
    (np.floating, (int, float)),
    (np.complexfloating, (int, float, complex)),
    (np.datetime64, (str, date, datetime)),
    (np.str_, (str,)),
    (np.bytes_, (bytes,)),
)


def _fits(data: object, kind: type) -> bool:
    if isinstance(data, bool) and not issubclass(kind, np.bool_):
        return False
    return any(issubclass(kind, scalar) and isinstance(data, takes) for scalar, takes in _TAKES)


install(Arrays(), (np.ndarray,))
install(Scalars(), (np.generic,))
