"""A run's params against its workflow's schema: completed, checked and made what a task's types read.

This is the one place where params are checked: runs that a person, a program, an event or a schedule starts all come
through here. What JSON cannot tell apart is settled by the schema: `1.0` is 1 where an integer is expected, and a text
is Base64 where bytes are.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal

import jsonschema_rs
import msgspec

from headrace_protocol import tagged
from headrace_protocol.definition import JsonSchema, WorkflowDefinition, params_schema
from headrace_protocol.errors import DefinitionError, ParamsError
from headrace_protocol.interval import SCHEDULED_AT, time_params
from headrace_protocol.messages import StartRun

SHOWN = 400
_FORMATS: Mapping[str, tuple[type, str]] = {
    "date": (dt.date, "a date such as 2024-02-29"),
    "date-time": (dt.datetime, "a date and time such as 2024-02-29T12:00:00Z"),
    "time": (dt.time, "a time of day such as 12:00:00"),
    "duration": (dt.timedelta, "a duration such as PT90S or P1D"),
    "uuid": (uuid.UUID, "a UUID such as 12345678-1234-5678-1234-567812345678"),
    "decimal": (Decimal, "a decimal number such as 12.50"),
}
"""What workers read from texts, by the format of the schema."""
_NOT_PLAIN = re.compile(rb"[\xca\xcb]|" + re.escape(tagged.MARK))
"""What the schema may mean differently: floats, which may be integers, and tagged values."""


class Params:
    """The params of one version of a workflow."""

    def __init__(self, definition: WorkflowDefinition) -> None:
        self._definition = definition
        self._where = f"params of {definition.name}"
        self._validator: jsonschema_rs.Draft202012Validator | None = None
        fixed = msgspec.msgpack.encode([definition.defaults, params_schema(definition)])
        self._plain = tagged.MARK not in fixed and b"contentEncoding" not in fixed
        """Whether params may be passed on as they are when they fit."""

    def complete(self, command: StartRun) -> msgspec.Raw:
        """A run's params with its times and the defaults filled in; raises ParamsError naming the place, what is there
        and what fits."""
        definition, params = self._definition, command.params
        given = self._given(params)
        times = time_params(definition.times, command.scheduled_at_us, command.interval)
        whole = {**definition.defaults, **times, **given}
        _check_times(definition, whole, self._where)
        if self._plain and _NOT_PLAIN.search(bytes(params)) is None and self._fits(whole):
            return msgspec.Raw(msgspec.msgpack.encode(whole))
        resolved = tagged.resolve(whole)
        if not isinstance(resolved, dict):  # an object that looked like a tagged value
            resolved = whole
        schema = params_schema(definition)
        try:
            read = _Reader(schema).read(resolved, schema, "")
            checker = self.checker()
            shown = _for_checker(read)
            problem = None if checker.is_valid(shown) else next(checker.iter_errors(shown), None)
        except _Unfit as error:
            raise ParamsError(
                error.message,
                where=f"{self._where}, {error.place}",
                found=error.found,
                expected=error.expected,
            ) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise ParamsError(f"params cannot be checked: {_short(error)}", where=self._where) from error
        if problem is not None:
            raise self._refused(problem, given, schema)
        return msgspec.Raw(msgspec.msgpack.encode(tagged.for_msgpack(read)))

    def check(self) -> None:
        """Raises DefinitionError when the params' schema is none."""
        try:
            self.checker()
        except (ValueError, TypeError) as error:
            raise DefinitionError(
                f"the params' schema cannot be used: {_short(error)}",
                where=self._where,
                expected="JSON Schema, draft 2020-12",
            ) from error

    def checker(self) -> jsonschema_rs.Draft202012Validator:
        """The schema's own checks; formats are those that workers read."""
        if self._validator is None:
            self._validator = jsonschema_rs.Draft202012Validator(
                params_schema(self._definition),
                validate_formats=True,
                formats={name: _reads(kind) for name, (kind, _) in _FORMATS.items()},
            )
        return self._validator

    def _fits(self, params: dict[str, object]) -> bool:
        try:
            return self.checker().is_valid(params)
        except (ValueError, TypeError, RecursionError):
            return False

    def _given(self, params: msgspec.Raw) -> dict[str, object]:
        try:
            given = msgspec.msgpack.decode(params) if params else {}
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise ParamsError(f"params cannot be decoded: {error}", where=self._where) from error
        if not isinstance(given, dict):
            raise ParamsError(
                "params must be an object",
                where=self._where,
                found=type(given).__name__,
                expected="an object",
            )
        return given

    def _refused(
        self, problem: jsonschema_rs.ValidationError, given: Mapping[str, object], schema: JsonSchema
    ) -> ParamsError:
        steps = list(problem.instance_path)
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(
            "."
        )
        if not place:  # a name that is missing or unknown
            found = _short(", ".join(sorted(map(str, given)))) or "nothing"
            expected = ", ".join(_signature(self._definition)) or "no params"
            return ParamsError(_short(problem.message), where=self._where, found=found, expected=expected)
        wanted = _FORMATS.get(str(_keyword(schema, list(problem.schema_path))), (None, ""))[1]
        return ParamsError(
            _short(problem.message),
            where=f"{self._where}, {place}",
            found=f"{_short(_json(problem.instance))}, {_type(problem.instance)}",
            expected=wanted or _text(_at(schema, list(problem.schema_path)[:-1]), schema),
        )


class _Unfit(Exception):
    """A value that the schema's types cannot be read from."""

    def __init__(self, message: str, place: str, found: str, expected: str) -> None:
        super().__init__(message)
        self.message, self.place, self.found, self.expected = message, place, found, expected


class _Reader:
    """Values as the schema means them. What does not fit is left for the checker, which says so."""

    def __init__(self, root: JsonSchema) -> None:
        self._root = root

    def read(self, value: object, schema: object, place: str) -> object:
        found = self._resolved(schema)
        branches = found.get("anyOf") or found.get("oneOf")
        if isinstance(branches, list):
            found = next((one for one in map(self._resolved, branches) if _plausible(value, one)), {})
        match value:
            case float() if found.get("type") == "integer" and value.is_integer():
                return int(value)
            case str() if found.get("contentEncoding") == "base64":
                return _bytes(value, place)
            case dict():
                return {key: self._member(found, key, one, place) for key, one in value.items()}
            case list():
                return [self._element(found, index, one, place) for index, one in enumerate(value)]
            case _:
                return value

    def _member(self, schema: JsonSchema, key: object, value: object, place: str) -> object:
        properties = schema.get("properties")
        known = properties.get(key) if isinstance(properties, dict) else None
        inner = schema.get("additionalProperties") if known is None else known
        return self.read(value, inner, f"{place}.{key}" if place else str(key))

    def _element(self, schema: JsonSchema, index: int, value: object, place: str) -> object:
        first = schema.get("prefixItems")
        inner = first[index] if isinstance(first, list) and index < len(first) else schema.get("items")
        return self.read(value, inner, f"{place}[{index}]")

    def _resolved(self, schema: object) -> JsonSchema:
        for _ in range(20):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            schema = _at(self._root, reference.removeprefix("#/").split("/"))
        return {}


_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str, bytes),
    "array": (list,),
    "object": (dict,),
}


def _plausible(value: object, schema: JsonSchema) -> bool:
    """Whether the value is of the branch's type; `1.0` is an integer where no branch takes a float."""
    kind = schema.get("type")
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(kind, str) and isinstance(value, _TYPES.get(kind, ()))


def _check_times(definition: WorkflowDefinition, given: Mapping[str, object], where: str) -> None:
    for name, source in definition.times.items():
        if name not in given and name in definition.required:
            what, flag = (
                ("scheduled time", "--scheduled-at TIME")
                if source == SCHEDULED_AT
                else ("data interval", "--interval FROM TO")
            )
            raise ParamsError(
                f"the param {name!r} is the run's {what}, and this run has none: no schedule started it",
                where=f"{where}, {name}",
                found=f"no {what}",
                expected=f"a {what}, or the param itself",
                fix=f"Start it with `headrace run {definition.name} {flag}`, give the param, or let the trigger give "
                "it in its params.",
            )


def _bytes(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        shown = _short(_json(text))
        raise _Unfit(
            f"{shown} is not Base64: {error}", place, f"{shown}, a text", "bytes, as Base64"
        ) from error


def _reads(kind: type) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            msgspec.convert(text, kind)
        except (msgspec.ValidationError, ValueError):
            return False
        return True

    return reads


def _for_checker(value: object) -> object:
    """Data in the types that the checker knows: bytes and times as texts, floats that are no numbers as some number."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return 0.0 if math.isnan(value) else math.copysign(sys.float_info.max, value)
        case dict() if tagged.kind_of(value) == "of" and isinstance(value[tagged.VALUE], list):
            return _for_checker(value[tagged.VALUE][-1])
        case dict():
            return {str(key): _for_checker(one) for key, one in value.items()}
        case list() | tuple():
            return [_for_checker(one) for one in value]
        case dt.datetime():
            return value.isoformat()
        case _:
            return value


def _at(schema: object, steps: list[str | int] | list[str]) -> JsonSchema:
    for step in steps:
        if isinstance(schema, list) and isinstance(step, int) and step < len(schema):
            schema = schema[step]
        elif isinstance(schema, dict):
            schema = schema.get(str(step))
    return schema if isinstance(schema, dict) else {}


def _keyword(schema: JsonSchema, steps: list[str | int]) -> object:
    """The format that was not kept, when that is what is wrong."""
    return _at(schema, steps[:-1]).get("format") if steps[-1:] == ["format"] else None


def _text(schema: JsonSchema, root: JsonSchema) -> str:
    """A schema in words."""
    values = schema.get("enum")
    if isinstance(values, list):
        return f"one of {', '.join(map(_json, values))}"
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, list):
        return " or ".join(_text(one, root) for one in branches if isinstance(one, dict))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _text(_at(root, reference.removeprefix("#/").split("/")), root)
    limits = [f"{name} {_json(schema[name])}" for name in _LIMITS if name in schema]
    kind = schema.get("format") or schema.get("title") or schema.get("type") or "another value"
    return ", ".join([str(kind), *limits])


_LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "required",
)


def _json(value: object) -> str:
    return msgspec.json.encode(tagged.for_json(value)).decode()


def _type(value: object) -> str:
    names = {
        str: "a text",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _short(text: object) -> str:
    """The checker quotes the value that does not fit, which may be a megabyte."""
    whole = str(text)
    return whole if len(whole) <= SHOWN else f"{whole[: SHOWN // 2]} … {whole[-SHOWN // 2 :]}"


def _signature(definition: WorkflowDefinition) -> list[str]:
    return [
        f"{name}: {schema.get('type', 'any')}" + ("" if name in definition.required else " (optional)")
        for name, schema in definition.params.items()
    ]
