"""Declared types as converters: data to values, and back where the type alone cannot say which it is.

msgspec converts nearly everything by itself (*native* forms). What it refuses is done here: unions of several
dataclasses, Structs or serialized types (`Path | str`), enums of mixed values, and containers and records that hold
those.

A value of a union is written like the value alone, unless reading that would give another member. Then it is marked
with its type's name: an object gets a member `$type`, anything else becomes `{"$headrace": "of", "value": [name, …]}`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Protocol, cast, get_args, is_typeddict

import msgspec

from headrace.authoring.typeforms import class_of, members, plain, type_name
from headrace.serializers.hooks import decode_hook, encode_hook
from headrace.serializers.records import Member, is_attrs, keys_of, record_fields
from headrace_protocol import tagged

TYPE = "$type"
OF = "of"
_BUILTINS = (bytes, bytearray, memoryview)
"""What is never read from text: in msgpack bytes are bytes."""
_encode = msgspec.msgpack.Encoder(enc_hook=encode_hook).encode
_decode = msgspec.msgpack.Decoder().decode


class Converter(Protocol):
    """Both ways of one declared type."""

    def load(self, data: object) -> object:
        """The value of decoded data; raises msgspec.ValidationError with the place."""
        ...

    def dump(self, value: object) -> object:
        """The value with its marks: what the encoder takes. Raises TypeError or ValueError."""
        ...


def convert(data: object, form: object) -> object:
    """Decoded data as a value of the form; raises msgspec.ValidationError."""
    return converter(form).load(data)


def is_native(form: object) -> bool:
    """Whether msgspec decodes the form by itself."""
    try:
        msgspec.msgpack.Decoder(cast(type, form), dec_hook=decode_hook)
    except TypeError:
        return False
    return True


def converter(form: object) -> Converter:
    """The converter of a form; raises TypeError for one that is no data."""
    try:
        return _cached(form)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _compile(form, {})


@lru_cache(maxsize=1_000)
def _cached(form: object) -> Converter:
    return _compile(form, {})


class Native:
    """What msgspec converts."""

    def __init__(self, form: object) -> None:
        self._form = cast(type, form)

    def load(self, data: object) -> object:
        # JSON has only texts as keys: "1" is 1 where the keys are integers.
        return msgspec.convert(data, self._form, builtin_types=_BUILTINS, dec_hook=decode_hook, str_keys=True)

    def dump(self, value: object) -> object:
        return value


class Union:
    """One of several types."""

    def __init__(self, forms: Sequence[object], parts: Sequence[Converter]) -> None:
        names = [type_name(form) for form in forms]
        self._names = [
            name if names.count(name) == 1 else f"{getattr(class_of(form), '__module__', '')}.{name}"
            for name, form in zip(names, forms, strict=True)
        ]
        self._forms = forms
        self._parts = parts
        self._keys = [keys_of(form) for form in forms]

    def load(self, data: object) -> object:
        index, value = self._read(data)
        if index is None:
            raise msgspec.ValidationError(f"Expected `{' | '.join(self._names)}`, got `{_kind(data)}`")
        return value

    def dump(self, value: object) -> object:
        for index in self._candidates(value):
            try:
                made = self._parts[index].dump(value)
                data = _travelled(made)
                self._parts[index].load(data)
            except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
                continue
            if self._read(data)[0] == index:
                return made
            if isinstance(data, dict):
                return {TYPE: self._names[index], **data}
            return tagged.tag(OF, [self._names[index], made])
        raise TypeError(f"Expected `{' | '.join(self._names)}`, got `{type_name(type(value))}`")

    def _read(self, data: object) -> tuple[int | None, object]:
        marked = self._marked(data)
        if marked is not None:
            index, inside = marked
            return index, self._parts[index].load(inside)
        for index in self._in_order(data):
            try:
                return index, self._parts[index].load(data)
            except msgspec.ValidationError:
                continue
        return None, None

    def _in_order(self, data: object) -> list[int]:
        """Members as declared, but those first that know every key of an object: the others would drop some."""
        order = list(range(len(self._parts)))
        if not isinstance(data, dict):
            return order
        return sorted(
            order, key=lambda index: (names := self._keys[index]) is None or not names >= data.keys()
        )

    def _marked(self, data: object) -> tuple[int, object] | None:
        if not isinstance(data, dict):
            return None
        name, inside = data.get(TYPE), data
        if (
            tagged.kind_of(data) == OF
            and isinstance(data[tagged.VALUE], list)
            and len(data[tagged.VALUE]) == 2
        ):
            name, inside = data[tagged.VALUE]
        elif name is not None:
            inside = {key: one for key, one in data.items() if key != TYPE}
        return (self._names.index(name), inside) if name in self._names else None

    def _candidates(self, value: object) -> list[int]:
        """Members that the value may be of, those of its very class first."""
        exact = [i for i, form in enumerate(self._forms) if _class(form) is type(value)]
        wider = [i for i, form in enumerate(self._forms) if i not in exact and _instance(value, form)]
        return exact + wider


def _travelled(value: object) -> object:
    """What a reader gets to see of a value."""
    try:
        return _decode(_encode(value))
    except OverflowError:  # an integer beyond 64 bits
        return msgspec.to_builtins(value, builtin_types=_BUILTINS, enc_hook=encode_hook)


class Items:
    """Lists, sets and tuples of one type of elements."""

    def __init__(self, kind: type, item: Converter) -> None:
        self._kind = kind
        self._item = item

    def load(self, data: object) -> object:
        if not isinstance(data, list | tuple):
            raise msgspec.ValidationError(f"Expected `array`, got `{_kind(data)}`")
        return self._kind(_at(f"[{index}]", self._item.load, one) for index, one in enumerate(data))

    def dump(self, value: object) -> object:
        made = [self._item.dump(one) for one in cast("Iterable[object]", value)]
        return sorted(made, key=_encode) if isinstance(value, Set) else made


class Places:
    """Tuples of known length."""

    def __init__(self, parts: Sequence[Converter]) -> None:
        self._parts = parts

    def load(self, data: object) -> object:
        if not isinstance(data, list | tuple) or len(data) != len(self._parts):
            raise msgspec.ValidationError(
                f"Expected `array` of length {len(self._parts)}, got `{_kind(data)}`"
            )
        pairs = zip(self._parts, data, strict=True)
        return tuple(_at(f"[{index}]", part.load, one) for index, (part, one) in enumerate(pairs))

    def dump(self, value: object) -> object:
        pairs = zip(self._parts, cast("Iterable[object]", value), strict=True)
        return [part.dump(one) for part, one in pairs]


class Entries:
    """Dicts."""

    def __init__(self, key: Converter, value: Converter) -> None:
        self._key = key
        self._value = value

    def load(self, data: object) -> object:
        if not isinstance(data, dict):
            raise msgspec.ValidationError(f"Expected `object`, got `{_kind(data)}`")
        return {self._key.load(key): _at("[...]", self._value.load, one) for key, one in data.items()}

    def dump(self, value: object) -> object:
        pairs = cast("Mapping[object, object]", value).items()
        return {self._key.dump(key): self._value.dump(one) for key, one in pairs}


class Record:
    """A dataclass, Struct, attrs class, NamedTuple or TypedDict some of whose fields are not native."""

    def __init__(
        self, kind: type, fields: Sequence[Member], *, listed: bool, tag: tuple[str, object] | None
    ) -> None:
        self._class = kind
        self._fields = fields
        self._listed = listed
        self._tag = tag
        self.parts: dict[str, Converter] = {}
        """Filled in after the record is known, so that a type may hold itself."""

    def load(self, data: object) -> object:
        found = self._by_name(data)
        missing = [one.written for one in self._fields if one.required and one.name not in found]
        if missing:
            raise msgspec.ValidationError(f"Object missing required field `{missing[0]}`")
        values = {
            one.name: _at(f".{one.written}", self.parts[one.name].load, found[one.name])
            for one in self._fields
            if one.name in found
        }
        if is_typeddict(self._class):
            return values
        try:
            return self._class(
                **{name.lstrip("_") if is_attrs(self._class) else name: one for name, one in values.items()}
            )
        except (TypeError, ValueError) as error:
            raise msgspec.ValidationError(str(error)) from error

    def dump(self, value: object) -> object:
        if is_typeddict(self._class):
            given = cast("Mapping[str, object]", value)
            return {
                one.written: self.parts[one.name].dump(given[one.name])
                for one in self._fields
                if one.name in given
            }
        made = {one.written: self.parts[one.name].dump(getattr(value, one.name)) for one in self._fields}
        first = [] if self._tag is None else [self._tag[1]]
        if self._listed:
            return [*first, *made.values()]
        return made if self._tag is None else {self._tag[0]: self._tag[1], **made}

    def _by_name(self, data: object) -> dict[str, object]:
        if self._listed and isinstance(data, list | tuple):
            return {
                one.name: part for one, part in zip(self._fields, data[self._tag is not None :], strict=False)
            }
        if self._listed or not isinstance(data, dict):
            raise msgspec.ValidationError(
                f"Expected `{'array' if self._listed else 'object'}`, got `{_kind(data)}`"
            )
        if self._tag is not None and data.get(self._tag[0], self._tag[1]) != self._tag[1]:
            raise msgspec.ValidationError(f"Invalid value {data[self._tag[0]]!r}")
        return {one.name: data[one.written] for one in self._fields if one.written in data}


class Enumeration:
    """An enum whose values are of several types, or neither str nor int."""

    def __init__(self, kind: type[enum.Enum]) -> None:
        self._members = [(_decode(_encode(member.value)), member) for member in kind]

    def load(self, data: object) -> object:
        for written, member in self._members:
            if type(written) is type(data) and written == data:
                return member
        listed = ", ".join(repr(written) for written, _ in self._members)
        raise msgspec.ValidationError(f"Invalid enum value {data!r}, expected one of {listed}")

    def dump(self, value: object) -> object:
        return cast(enum.Enum, value).value


def _compile(form: object, seen: dict[object, Converter]) -> Converter:
    if is_native(form):
        return Native(form)
    bare = plain(form)
    known = seen.get(bare)
    if known is not None:
        return known
    parts = members(bare)
    if len(parts) > 1:
        return Union(parts, [_compile(part, seen) for part in parts])
    origin = class_of(bare)
    made = None if origin is None else _of_class(bare, origin, seen)
    if made is None:
        msgspec.msgpack.Decoder(cast(type, form), dec_hook=decode_hook)  # raises, and says why
        raise TypeError(f"{type_name(form)} is no data")
    return made


def _of_class(form: object, origin: type, seen: dict[object, Converter]) -> Converter | None:
    if issubclass(origin, enum.Enum):
        return Enumeration(origin)
    fields = record_fields(form)
    if fields is not None:
        return _record(form, origin, fields, seen)
    given = get_args(form)
    if origin is tuple and given and given[-1] is not Ellipsis:
        return Places([_compile(part, seen) for part in given])
    if given and issubclass(origin, Mapping):
        return Entries(_compile(given[0], seen), _compile(given[-1], seen))
    if given and issubclass(origin, tuple | list | Set | Sequence | deque):
        return Items(_concrete(origin), _compile(given[0], seen))
    return None


def _record(
    form: object, origin: type, fields: Mapping[str, tuple[Member, object]], seen: dict[object, Converter]
) -> Record:
    tag: tuple[str, object] | None = None
    listed = issubclass(origin, tuple)
    if issubclass(origin, msgspec.Struct):
        config = origin.__struct_config__
        listed = config.array_like
        if config.tag is not None:
            tag = (config.tag_field or "type", config.tag)
    made = Record(origin, [member for member, _ in fields.values()], listed=listed, tag=tag)
    seen[form] = made
    made.parts.update({name: _compile(inner, seen) for name, (_, inner) in fields.items()})
    return made


def _concrete(origin: type) -> type:
    if issubclass(origin, tuple | list | set | frozenset | deque):
        return origin
    return set if issubclass(origin, Set) else list


def _class(form: object) -> type | None:
    return class_of(plain(form))


def _instance(value: object, form: object) -> bool:
    kind = _class(form)
    if kind is None:
        return True
    if is_typeddict(kind):
        return isinstance(value, dict)
    try:
        return isinstance(value, kind)
    except TypeError:
        return True


def _at(step: str, load: Callable[[object], object], data: object) -> object:
    """`load`, with the place of what does not fit."""
    try:
        return load(data)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{message} - at `${step}{place.rstrip('`')}`") from error


def _kind(data: object) -> str:
    names = {
        str: "str",
        bool: "bool",
        int: "int",
        float: "float",
        dict: "object",
        list: "array",
        bytes: "bytes",
    }
    return "null" if data is None else names.get(type(data), type(data).__qualname__)
