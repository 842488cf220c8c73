"""Values on their way into and out of a task: msgpack that is decoded strictly, once, to the declared
types."""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections.abc import Mapping, Sequence

import msgspec

from headrace.authoring.typeforms import type_name
from headrace.runtime.attempt import Produced, RunnableTask
from headrace.runtime.forks import only_here
from headrace.serializers.values import TypedValue, encode, preview_of
from headrace_protocol.definition import Path
from headrace_protocol.errors import ErrorCode, HeadraceError
from headrace_protocol.misfits import described, misfit

Raw = msgspec.Raw

_object = msgspec.msgpack.Decoder(dict[str, Raw]).decode
_list = msgspec.msgpack.Decoder(list[Raw]).decode


class InputInvalid(HeadraceError):
    """A parameter cannot be given what the message holds for it."""

    default_code = ErrorCode.TASK_INPUT_INVALID


class ResultInvalid(HeadraceError):
    """What the function returned is not what it declares, or cannot be encoded."""

    default_code = ErrorCode.TASK_RESULT_INVALID


class NoSuchPlace(Exception):
    """A value has nothing at a path."""


def utf8(text: str) -> str:
    """The text as every reader can take it: lone surrogates (from file names, mostly) become escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def raw(value: object) -> Raw:
    return Raw(encode(value))


def fields(value: bytes | Raw) -> dict[str, Raw]:
    """The fields of an encoded object, undecoded; raises NoSuchPlace when it is not one."""
    try:
        return _object(value)
    except msgspec.DecodeError as error:
        raise NoSuchPlace(f"{kind_of(value)}, not an object") from error


def elements(value: bytes | Raw) -> list[Raw]:
    """The elements of an encoded list, undecoded; raises NoSuchPlace when it is not one."""
    try:
        return _list(value)
    except msgspec.DecodeError as error:
        raise NoSuchPlace(f"{kind_of(value)}, not a list") from error


def at(value: bytes | Raw, path: Path) -> Raw:
    """What is at a path inside an encoded value; raises NoSuchPlace."""
    found = value if isinstance(value, Raw) else Raw(value)
    for step in path:
        try:
            found = fields(found)[step] if isinstance(step, str) else elements(found)[step]
        except (KeyError, IndexError) as error:
            raise NoSuchPlace(f"nothing at {step!r}") from error
    return found


def length(value: bytes | Raw) -> int:
    """How many elements an encoded list has, -1 when it is not a list
    (https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family)."""
    head = bytes(memoryview(value)[:5])
    match head[0]:
        case first if first & 0xF0 == 0x90:
            return int(first & 0x0F)
        case 0xDC:
            return int(struct.unpack_from(">H", head, 1)[0])
        case 0xDD:
            return int(struct.unpack_from(">I", head, 1)[0])
        case _:
            return -1


def kind_of(value: bytes | Raw) -> str:
    """The type and beginning of an encoded value, for error messages."""
    try:
        return described(msgspec.msgpack.decode(value))
    except (msgspec.DecodeError, RecursionError):
        return "undecodable bytes"


class TaskCodec:
    """The types of one task's parameters and result, as decoders."""

    def __init__(self, task: RunnableTask) -> None:
        self.task = task
        self._parameters = {name: TypedValue(form) for name, form in task.parameters.items()}
        self._returns = TypedValue(task.returns)

    def arguments(self, given: Mapping[str, Raw]) -> dict[str, object]:
        """The arguments of the call; raises InputInvalid naming the parameter."""
        arguments: dict[str, object] = {}
        for name, value in given.items():
            decoder = self._parameters.get(name)
            if decoder is None:
                continue  # the workflow was deployed with a newer function, which has one parameter more
            try:
                arguments[name] = decoder.quick(value)
            except (msgspec.DecodeError, RecursionError):
                arguments[name] = self._argument(name, value)
        for name in self.task.definition.required:
            if name not in arguments:
                raise InputInvalid(
                    f"nothing was sent for the parameter {name!r}",
                    where=f"task {self.task.name}, parameter {name}",
                    found=", ".join(given) or "no parameters",
                    expected=type_name(self.task.parameters.get(name, "a value")),
                    fix="Deploy the workflow with the same code that the workers have.",
                )
        return arguments

    def _argument(self, name: str, value: Raw) -> object:
        try:
            return self._parameters[name].decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._input_invalid(name, value, error) from error

    def _input_invalid(self, name: str, value: Raw, error: Exception) -> InputInvalid:
        form = self.task.parameters[name]
        wrong = misfit(error, form, _decoded(value), type_name(form))
        place = f"{name}{wrong.place if wrong.place.startswith('[') else '.' + wrong.place if wrong.place else ''}"
        return InputInvalid(
            f"the value does not fit the parameter {name!r}: {wrong.message}",
            where=f"task {self.task.name}, parameter {place}",
            found=wrong.found or kind_of(value),
            expected=wrong.expected,
            fix="Pass a value of the type expected, or deploy the workflow with the same code that the workers have.",
        )

    def call(self, given: Mapping[str, Raw], counts: Sequence[Path]) -> Produced:
        """Decode, call and encode in this thread; a coroutine gets a loop of its own."""
        arguments = self.arguments(given)
        with only_here():
            value = self.task.function(**arguments)
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
        return self.produced(value, counts)

    def produced(self, value: object, counts: Sequence[Path]) -> Produced:
        """The result encoded and checked; raises ResultInvalid."""
        where = f"task {self.task.name}, result"
        try:
            body = self._returns.encode(value)
        except msgspec.ValidationError as error:
            wrong = misfit(error, self.task.returns, _builtins(value), type_name(self.task.returns))
            raise ResultInvalid(
                f"the result is not what the task declares: {wrong.message}",
                where=f"{where}, {wrong.place}" if wrong.place else where,
                found=wrong.found or type_name(type(value)),
                expected=wrong.expected,
                fix="Return what is declared, or correct the annotation.",
            ) from error
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise ResultInvalid(
                f"the result cannot be encoded: {error}",
                where=where,
                found=type_name(type(value)),
                expected="plain data, dataclasses, Structs, and types with a serializer (docs/data.md)",
                fix="Convert the result, or register a serializer for its type: headrace.register_serializer.",
            ) from error
        return Produced(Raw(body), tuple(_count(body, path) for path in counts), preview=preview_of(value))


def _decoded(value: Raw) -> object:
    try:
        return msgspec.msgpack.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None


def _builtins(value: object) -> object:
    try:
        return msgspec.msgpack.decode(encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return value


def _count(body: bytes, path: Path) -> int:
    try:
        return length(at(body, path))
    except NoSuchPlace:
        return -1
