"""The syntax tree of a CEL expression, read from its serialized form (`cel.expr.ParsedExpr` in syntax.proto).

Macros are expanded in it: `all`, `map` and the like are comprehensions. Reading it needs no generated code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

Encoded = int | bytes
VARINT, FIXED64, BYTES = 0, 1, 2
NAMESPACES = frozenset({"base64", "lists", "math", "optional", "sets", "strings"})
"""Of functions. `math.sqrt(x)` is read as the call of `sqrt` on a variable `math`."""


class Constant(msgspec.Struct, frozen=True):
    id: int
    number: int | None = None
    """Of an int or uint."""
    is_number: bool = False
    text: str | None = None
    bytes: int = 0
    """Length of a text or of bytes."""


class Name(msgspec.Struct, frozen=True):
    id: int
    name: str


class Select(msgspec.Struct, frozen=True):
    id: int
    operand: Node
    field: str
    is_test: bool
    """What `has(...)` becomes."""


class Call(msgspec.Struct, frozen=True):
    id: int
    function: str
    target: Node | None
    arguments: tuple[Node, ...]

    @property
    def namespace(self) -> str:
        target = self.target
        return target.name if isinstance(target, Name) and target.name in NAMESPACES else ""

    @property
    def name(self) -> str:
        return f"{self.namespace}.{self.function}" if self.namespace else self.function

    @property
    def operands(self) -> tuple[Node, ...]:
        """The target, where there is one, and the arguments."""
        return self.arguments if self.target is None or self.namespace else (self.target, *self.arguments)


class Elements(msgspec.Struct, frozen=True):
    """A literal list; or a literal map, as its keys and values."""

    id: int
    parts: tuple[Node, ...]
    length: int


class Comprehension(msgspec.Struct, frozen=True):
    id: int
    variable: str
    range: Node
    accumulator: str
    initial: Node
    condition: Node
    step: Node
    result: Node


Node = Constant | Name | Select | Call | Elements | Comprehension


class LiteralMessage(Exception):
    """A protobuf message that is written out: there are none in events, and results cannot be messages."""


class Tree(msgspec.Struct, frozen=True):
    root: Node
    positions: Mapping[int, int]
    """Where each node begins in the source, in characters from 0."""


class _Message:
    """The fields of an encoded message by number."""

    def __init__(self, encoded: bytes) -> None:
        self._fields: dict[int, list[Encoded]] = {}
        for number, value in fields(encoded):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def number(self, number: int) -> int:
        value = self._fields.get(number, (0,))[-1]
        return value if isinstance(value, int) else 0

    def all(self, number: int) -> list[bytes]:
        return [value for value in self._fields.get(number, ()) if isinstance(value, bytes)]

    def bytes(self, number: int) -> bytes:
        return (self.all(number) or [b""])[-1]

    def text(self, number: int) -> str:
        return self.bytes(number).decode()


def read_tree(serialized: bytes) -> Tree:
    """The tree of a serialized expression, which is an `Any` that holds a ParsedExpr.

    Raises LiteralMessage.
    """
    parsed = _Message(_Message(serialized).bytes(2))
    entries = [_Message(entry) for entry in _Message(parsed.bytes(3)).all(4)]
    return Tree(
        root=_node(parsed.bytes(2)), positions={entry.number(1): entry.number(2) for entry in entries}
    )


def path_of(tree: Tree) -> tuple[str, ...]:
    """The variable and the fields that an expression reads, where it does nothing else."""
    node, path = tree.root, list[str]()
    while isinstance(node, Select) and not node.is_test:
        path.append(node.field)
        node = node.operand
    return (node.name, *reversed(path)) if isinstance(node, Name) else ()


def _node(encoded: bytes) -> Node:
    message = _Message(encoded)
    place = message.number(2)
    if 3 in message:
        return _constant(place, _Message(message.bytes(3)))
    if 4 in message:
        return Name(place, _Message(message.bytes(4)).text(1))
    if 5 in message:
        select = _Message(message.bytes(5))
        return Select(place, _node(select.bytes(1)), select.text(2), is_test=bool(select.number(3)))
    if 6 in message:
        call = _Message(message.bytes(6))
        target = _node(call.bytes(1)) if 1 in call else None
        return Call(place, call.text(2), target, _nodes(call.all(3)))
    if 7 in message:
        elements = _nodes(_Message(message.bytes(7)).all(1))
        return Elements(place, elements, len(elements))
    if 8 in message:
        struct = _Message(message.bytes(8))
        if name := struct.text(1):
            raise LiteralMessage(name)
        entries = [_Message(entry) for entry in struct.all(2)]
        parts = [part for entry in entries for part in (*entry.all(3), *entry.all(4))]
        return Elements(place, _nodes(parts), len(entries))
    if 9 in message:
        loop = _Message(message.bytes(9))
        iterated, initial, condition, step, result = (_node(loop.bytes(number)) for number in (2, 4, 5, 6, 7))
        return Comprehension(place, loop.text(1), iterated, loop.text(3), initial, condition, step, result)
    raise ValueError(f"an expression of an unknown kind, with the fields {sorted(message._fields)}")


def _nodes(encoded: Sequence[bytes]) -> tuple[Node, ...]:
    return tuple(_node(one) for one in encoded)


def _constant(place: int, constant: _Message) -> Constant:
    integer = next((number for number in (3, 4) if number in constant), 0)
    return Constant(
        place,
        number=constant.number(integer) if integer else None,
        is_number=bool(integer) or 5 in constant,
        text=constant.text(6) if 6 in constant else None,
        bytes=max(len(constant.bytes(6)), len(constant.bytes(7))),
    )


def fields(encoded: bytes) -> Iterator[tuple[int, Encoded]]:
    """The fields of a message with their numbers."""
    at = 0
    while at < len(encoded):
        tag, at = _read_varint(encoded, at)
        if tag & 7 == VARINT:
            value, at = _read_varint(encoded, at)
            yield tag >> 3, value
        elif tag & 7 == FIXED64:
            yield tag >> 3, encoded[at : at + 8]
            at += 8
        elif tag & 7 == BYTES:
            length, at = _read_varint(encoded, at)
            yield tag >> 3, encoded[at : at + length]
            at += length
        else:
            raise ValueError(f"a field of the unknown wire type {tag & 7}")


def _read_varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def field(number: int, value: Encoded) -> bytes:
    """One field, encoded: a number, or a text or message."""
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
