"""`map` and `filter` in time that grows with the list, by a change of the syntax tree.

The library copies what they have made so far for each element they add: 9,000 elements take 6 s. So a long list is cut
into chunks, which are mapped one by one, and the results are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count

from cel_expr_python import cel

from headrace_coordinator.triggers.cel.tree import Encoded, field, fields

CHUNK = 32
"""Elements; the fewer, the less is copied for each, and the more chunks there are."""

TEMPLATE = f"""
cel.bind(_range, _ITERATED,
    (size(_range) > {CHUNK} && type(_range) == list
        ? lists.range((size(_range) + {CHUNK - 1}) / {CHUNK}).map(_at,
            _range.slice(_at * {CHUNK}, math.least(size(_range), _at * {CHUNK} + {CHUNK})))
        : [_range]
    ).map(_chunk, _LOOP)
).flatten()
"""
ITERATED, LOOP, CHUNK_NAME = b"_ITERATED", b"_LOOP", b"_chunk"
NAMES = (b"_range", b"_at", CHUNK_NAME)

ID, NAME, SELECT, CALL, LIST, STRUCT, LOOPED = 2, 4, 5, 6, 7, 8, 9
CHILDREN = {SELECT: (1,), CALL: (1, 3), LIST: (1,), LOOPED: (2, 4, 5, 6, 7)}
"""Where the parts of a node are in its message."""
VARIABLES = {NAME: (1,), LOOPED: (1, 3)}
MAP_KEY, MAP_VALUE = 3, 4
RANGE, INITIAL = 2, 4


def in_chunks(env: cel.Env, serialized: bytes) -> bytes:
    """The serialized expression with its `map` and `filter` in chunks; itself where there is none."""
    anything = dict(fields(serialized))
    parsed = dict(fields(_bytes(anything[2])))
    chunks = _Chunks(env)
    root = chunks.rewrite(_bytes(parsed[2]))
    if not chunks.used:
        return serialized
    return field(1, anything[1]) + field(2, field(2, root) + field(3, parsed.get(3, b"")))


class _Chunks:
    def __init__(self, env: cel.Env) -> None:
        self._env = env
        self._ids = count(1_000_000)
        self.used = 0

    def rewrite(self, node: bytes) -> bytes:
        node = _with_children(node, self.rewrite)
        kind, content = _kind(node)
        if kind != LOOPED:
            return node
        loop = dict(fields(content))
        if (
            _bytes(loop[INITIAL])
            and _kind(_bytes(loop[INITIAL])) == (LIST, b"")
            and _is_long(_bytes(loop[RANGE]))
        ):
            return self._chunked(node, _bytes(loop[RANGE]))
        return node

    def _chunked(self, node: bytes, iterated: bytes) -> bytes:
        self.used += 1
        chunk = self._named(field(NAME, field(1, CHUNK_NAME)))
        looped = _rebuilt(
            fields(node),
            lambda number, value: _replaced_range(_bytes(value), chunk) if number == LOOPED else value,
        )

        def filled(part: bytes) -> bytes:
            kind, content = _kind(part)
            if kind == NAME and (name := _bytes(dict(fields(content))[1])) in (ITERATED, LOOP):
                return iterated if name == ITERATED else looped
            return self._named(_with_children(part, filled))

        return filled(_template(self._env))

    def _named(self, node: bytes) -> bytes:
        """With an id and names that nothing else in the expression has."""
        kind, _ = _kind(node)

        def renamed(number: int, value: Encoded) -> Encoded:
            if number == kind and kind in VARIABLES:
                places = VARIABLES[kind]
                return _rebuilt(
                    fields(_bytes(value)),
                    lambda inner, name: (
                        b"@%d%b" % (self.used, name)
                        if inner in places and name in NAMES and isinstance(name, bytes)
                        else name
                    ),
                )
            return value

        return field(ID, next(self._ids)) + _rebuilt(
            ((number, value) for number, value in fields(node) if number != ID), renamed
        )


@lru_cache(maxsize=1)
def _template(env: cel.Env) -> bytes:
    parsed = dict(fields(env.compile(TEMPLATE, disable_check=True).serialize()))[2]
    return _bytes(dict(fields(_bytes(parsed)))[2])


def _is_long(iterated: bytes) -> bool:
    """Whether it may have more elements than a chunk: what is written out as a list has few."""
    kind, content = _kind(iterated)
    return kind != LIST or sum(1 for _ in fields(content)) > CHUNK


def _replaced_range(loop: bytes, chunk: bytes) -> bytes:
    return _rebuilt(fields(loop), lambda number, value: chunk if number == RANGE else value)


def _kind(node: bytes) -> tuple[int, bytes]:
    return next(((number, _bytes(value)) for number, value in fields(node) if number != ID), (0, b""))


def _with_children(node: bytes, change: Callable[[bytes], bytes]) -> bytes:
    def changed(kind: int, content: Encoded) -> Encoded:
        if kind == STRUCT:
            return _rebuilt(fields(_bytes(content)), lambda _, entry: _entry(entry, change))
        if kind not in CHILDREN:
            return content
        return _rebuilt(
            fields(_bytes(content)),
            lambda number, part: change(_bytes(part)) if number in CHILDREN[kind] else part,
        )

    return _rebuilt(fields(node), changed)


def _entry(entry: Encoded, change: Callable[[bytes], bytes]) -> Encoded:
    if not isinstance(entry, bytes):
        return entry
    return _rebuilt(
        fields(entry),
        lambda number, part: change(_bytes(part)) if number in (MAP_KEY, MAP_VALUE) else part,
    )


def _rebuilt(parts: Iterable[tuple[int, Encoded]], change: Callable[[int, Encoded], Encoded]) -> bytes:
    return b"".join(field(number, change(number, value)) for number, value in parts)


def _bytes(value: Encoded) -> bytes:
    return value if isinstance(value, bytes) else b""
