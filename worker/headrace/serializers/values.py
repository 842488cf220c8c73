"""What a worker reads and writes: encoded values of declared types."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect as types

from headrace.serializers import registry
from headrace.serializers.forms import OF, Converter, converter, is_native
from headrace.serializers.hooks import decode_hook, encode_hook
from headrace.serializers.registry import is_tagged, previewed
from headrace_protocol import tagged
from headrace_protocol.messages import Preview

_encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
_decode = msgspec.msgpack.Decoder().decode
_BUILTINS = (bytes, bytearray, memoryview)
_holds_mark = re.compile(re.escape(tagged.MARK)).search
_KEPT = (*_BUILTINS, datetime, date, time, timedelta, Decimal, UUID)


_in_order = msgspec.msgpack.Encoder(enc_hook=encode_hook, order="deterministic").encode


def encode(value: object, write: Callable[[object], bytes] = _encode) -> bytes:
    """A value as msgpack. Raises TypeError, ValueError, OverflowError or RecursionError for what cannot be sent."""
    try:
        return write(value)
    except OverflowError:  # an integer beyond 64 bits is somewhere inside
        data = msgspec.to_builtins(value, builtin_types=_BUILTINS, enc_hook=encode_hook)
        return write(tagged.for_msgpack(data))


def plain_data(value: object, form: object = object) -> object:
    """A value of the form as data that says the same in JSON and in msgpack: what a definition keeps of it.

    Raises what `TypedValue.encode` raises.
    """
    typed = TypedValue(form)
    try:
        body = typed.encode(value, _in_order)
    except TypeError:  # keys that are no texts have no order
        body = typed.encode(value)
    data = _decode(body)
    return tagged.for_json(msgspec.to_builtins(data, builtin_types=_BUILTINS))


def comparable(value: object) -> object:
    """The value as data with dates, numbers and the like kept as they are, so that a date does not pass for a text."""
    return msgspec.to_builtins(value, builtin_types=_KEPT, enc_hook=encode_hook)


def preview_of(value: object) -> Preview | None:
    """What is shown of a value besides its data; None when the data says it all. Never raises: it is for people."""
    serializer = previewed(type(value))
    if serializer is None:
        return None
    try:
        return serializer.preview(value)
    except Exception as error:  # a user's serializer, or an odd value: the result itself is good
        return Preview(kind=type(value).__qualname__, text=f"no preview: {type(error).__name__}")


class TypedValue:
    """One declared type, as decoder and encoder."""

    def __init__(self, form: object) -> None:
        self._form = form
        self._anything = form is Any or form is object
        self._converter: Converter = converter(form)
        self._strict: Callable[[bytes | msgspec.Raw], object] | None = None
        if is_native(form):
            known = cast(type, Any if self._anything else form)  # without asking the hook
            self._strict = msgspec.msgpack.Decoder(known, dec_hook=decode_hook).decode
        self._loose = self._strict is None or _is_loose(form)
        """Whether a tagged value may stand where the type says nothing."""
        origin = get_origin(form) or form
        self._may_be_sure = self._anything or (isinstance(origin, type) and is_tagged(origin))
        self.quick = self.decode if self._strict is None or self._loose else self._strict
        """Decodes what needs no second look: when it raises msgspec.ValidationError, `decode` may still succeed."""

    def decode(self, body: bytes | msgspec.Raw) -> object:
        """The value; raises msgspec.DecodeError, or RecursionError."""
        if self._strict is not None and not (self._loose and _holds_mark(body)):
            try:
                return self._strict(body)
            except msgspec.ValidationError:
                pass  # a tagged value, or numbers as keys of a JSON object
        data = tagged.resolve(_decode(body), registry.reader)
        if self._anything:
            return tagged.resolve(data, _unmark)
        return self._converter.load(data)

    def encode(self, value: object, write: Callable[[object], bytes] = _encode) -> bytes:
        """The value as msgpack, checked against the type.

        Raises msgspec.ValidationError when it is not of the type, and what `encode` raises.
        """
        if self._strict is None:
            try:
                value = self._converter.dump(value)
            except (TypeError, AttributeError) as error:
                raise msgspec.ValidationError(str(error)) from error
        try:
            body = write(value)
        except OverflowError:
            body = encode(value, write)
        if not (self._may_be_sure and self._is_surely(value)):
            try:
                self.quick(body)
            except msgspec.ValidationError:
                self.decode(body)
        return body

    def _is_surely(self, value: object) -> bool:
        """Whether a value of a serialized class is of the type without being read again, which may take long."""
        kind = type(value)
        return (self._anything or kind is self._form) and is_tagged(kind)


def _unmark(kind: str) -> tagged.Read | None:
    """Members of unions, for a reader that takes anything."""
    return _member if kind == OF else None


def _member(data: object) -> object:
    if isinstance(data, list) and len(data) == 2:
        return data[1]
    raise ValueError("not a marked member")


def _is_loose(form: object) -> bool:
    """Whether anything is allowed somewhere inside."""
    try:
        return _has_any(types.type_info(cast(type, form)), set())
    except (TypeError, NotImplementedError):
        return True


def _has_any(info: object, seen: set[int]) -> bool:
    if isinstance(info, types.AnyType):
        return True
    if isinstance(info, types.CustomType):
        return info.cls is object
    if not isinstance(info, types.Type | types.Field) or id(info) in seen:
        return False
    seen.add(id(info))
    parts: list[object] = []
    for name in info.__struct_fields__:
        part = getattr(info, name)
        parts += part if isinstance(part, tuple) else [part]
    return any(_has_any(part, seen) for part in parts)
