"""What a serializer is, and what a preview says."""

from __future__ import annotations

from typing import Protocol, TypeVar

from headrace_protocol.definition import JsonSchema
from headrace_protocol.messages import Preview

T = TypeVar("T")


class Serializer(Protocol[T]):
    """Makes values of one type plain data, and makes them again from it. Subclass it to get the defaults.

    Plain data is what msgpack can write: None, bool, int, float, str, bytes, dates and times, lists, dicts, and
    values of types that have serializers themselves. What `encode` returns for a value, `decode` makes equal to it.
    """

    tag: str = ""
    """Names the data on the wire, so that a reader without a type (`object`, no annotation) gets the value rather than
    its data: `{"$headrace": tag, "value": …}`. Empty: the data stands for itself. Choose a name with a dot in it."""

    def encode(self, value: T) -> object:
        """Plain data. Raise ValueError or TypeError for a value that cannot be sent, saying why."""
        ...

    def decode(self, data: object, form: object) -> T:
        """The value. `form` is the declared type, with its arguments, or the class when nothing is declared.

        Raise ValueError or TypeError for data that is none, saying what was expected.
        """
        ...

    def schema(self, form: object) -> JsonSchema:
        """JSON Schema (draft 2020-12) of the data; `{}` says nothing about it."""
        return {}

    def preview(self, value: T) -> Preview | None:
        """What people are shown of a value; None: the data itself."""
        return None
