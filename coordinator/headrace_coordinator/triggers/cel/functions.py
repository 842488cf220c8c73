"""What the operators and functions of CEL cost, and how large their values are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import msgspec

from headrace_coordinator.triggers.cel.bound import (
    NOTHING,
    ONE,
    SMALL,
    UNBOUNDED,
    Bound,
    is_amortized,
    sum_of,
)
from headrace_coordinator.triggers.cel.chunks import CHUNK
from headrace_coordinator.triggers.cel.tree import Call, Constant

CHARACTERS = 64
"""Characters of a text that are scanned in one unit."""

PATTERN_PARTS = re.compile(r"\\[pP]|\[\^|\[:|\(\?|\\.|.", re.DOTALL)
WEIGHTS = {
    r"\p": 200.0,
    r"\P": 200.0,
    "[^": 20.0,
    "[:": 20.0,
    "(?": 200.0,
    r"\W": 20.0,
    r"\D": 20.0,
    r"\S": 20.0,
    ".": 5.0,
}
"""Of parts of a pattern that stand for many characters."""
REPETITIONS = re.compile(r"(\d+),?\}")


class Value(msgspec.Struct, frozen=True):
    """How large a value can be."""

    size: Bound
    length: Bound
    """Of the list or map that it may be."""
    longest: Bound
    """Of any list or map in it."""
    text: Bound
    """Of any text in it."""

    @property
    def scan(self) -> Bound:
        """What reading it as a text takes."""
        return self.size if is_amortized(self.size) else self.text


SCALAR = Value(ONE, NOTHING, NOTHING, ONE)


def inside(value: Value) -> Value:
    """A field or an element of it."""
    length = value.size if is_amortized(value.size) else value.longest
    return msgspec.structs.replace(value, length=length)


def _least(one: Bound, other: Bound) -> Bound:
    """One of both that bounds the smaller: a constant, or what is summed up over a comprehension."""
    for bound in (one, other):
        if not bound.symbols():
            return bound
    return one if is_amortized(one) else other


def call_of(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    """The value and the cost of a call, without the cost of its operands."""
    if known := _FUNCTIONS.get(call.name):
        return known(call, values)
    size = sum_of(value.scan for value in values) + 1.0
    sizes = sum_of(value.size for value in values) + 1.0
    longest = sum_of(value.longest for value in values)
    return Value(sizes, sum_of(value.length for value in values), longest, size), size


def _logical(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return SCALAR, ONE


def _conditional(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    one, two = values[1:]
    return (
        Value(
            one.size.most(two.size),
            one.length.most(two.length),
            one.longest.most(two.longest),
            one.text.most(two.text),
        ),
        ONE,
    )


def _comparison(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    least = _least(values[0].size, values[1].size)
    return SCALAR, ONE + (least * 6.0 if least.symbols() else least)


def _membership(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return SCALAR, ONE + values[1].size * 4.0


def _addition(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    if any(isinstance(operand, Constant) and operand.is_number for operand in call.operands):
        return SCALAR if not _made(values) else values[0], ONE
    one, two = values
    added = Value(
        one.size + two.size, one.length + two.length, one.longest + two.longest, one.text + two.text
    )
    if _made(values):
        return msgspec.structs.replace(added, longest=one.longest.most(two.longest)), _append(one.length)
    return added, ONE + one.scan + two.scan + one.length + two.length


def _append(made: Bound) -> Bound:
    """Adding to a chunk, and once for each chunk to all of them: each copies what is there, at 4 units an element."""
    return Bound({(): 2.0 * CHUNK}) + made * (4.0 / CHUNK**2)


def _made(values: list[Value]) -> bool:
    return any(symbol.startswith("made ") for symbol in values[0].size.symbols())


def _arithmetic(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return SCALAR, ONE


def _index(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return inside(values[0]), ONE


def _size(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return SCALAR, ONE + values[0].scan * 10.0


def _search(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    """A text in a text: in the worst case each begins like it at every place."""
    sought = values[1].scan
    if not sought.symbols():
        return SCALAR, ONE + values[0].scan * (1.0 + 8.0 * max(0.0, sought.at(SMALL) - 1.0))
    return SCALAR, ONE + values[0].scan * (ONE + sought * 8.0)


def _affix(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return SCALAR, ONE + values[1].scan


def _matches(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    """The pattern is compiled each time. Its cost shows in its text alone, so it must be written out."""
    pattern = call.operands[-1]
    if not isinstance(pattern, Constant) or pattern.text is None:
        return SCALAR, UNBOUNDED
    compiling = 200.0 + 80.0 * sum(
        WEIGHTS.get(part, 1.0) for part in PATTERN_PARTS.findall(pattern.text)
    ) * math.prod(max(1.0, float(number)) for number in REPETITIONS.findall(pattern.text))
    return SCALAR, Bound({(): compiling}) + values[0].scan * (20.0 * (1.0 + values[1].scan.at(SMALL)))


def _replaced(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    text, new = values[0].scan, values[2].scan
    size = text + text * new * float(CHARACTERS) + new
    return Value(size, NOTHING, NOTHING, size), ONE + size * 4.0 + _search(_, values)[1]


def _split(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    size = ONE + values[0].scan * float(CHARACTERS + 1)
    return Value(size, size, size, values[0].scan), size + _search(_, values)[1]


def _joined(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    separators = values[0].length * values[1].scan if len(values) > 1 else NOTHING
    size = ONE + values[0].size + separators
    return Value(size, NOTHING, NOTHING, size), size


def _formatted(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    """A clause writes one argument, with up to 1000 digits; a text of N characters has at most N / 2 clauses."""
    clauses = values[0].scan * (CHARACTERS / 2)
    size = ONE + values[0].scan + clauses * (Bound({(): 16.0}) + values[1].size)
    return Value(size, NOTHING, NOTHING, size), size * 4.0


def _zoned(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    """Looking up a zone may read a file."""
    return SCALAR, Bound({(): 1.0 if len(values) == 1 else 400.0})


def _range(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    end = call.arguments[0] if call.arguments else None
    if not isinstance(end, Constant) or end.number is None:
        return Value(UNBOUNDED, UNBOUNDED, UNBOUNDED, ONE), UNBOUNDED
    size = Bound({(): float(end.number)})
    return Value(size, size, size, ONE), size


def _squared(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    """Each element against each."""
    first, last = values[0], values[-1]
    return first, ONE + first.size * last.longest.most(ONE) + last.size * first.longest.most(ONE)


def _sorted(_: Call, values: list[Value]) -> tuple[Value, Bound]:
    return values[0], ONE + values[0].size * 20.0


_Function = Callable[[Call, list[Value]], tuple[Value, Bound]]
_GROUPS: tuple[tuple[_Function, str], ...] = (
    (_logical, "_&&_ _||_ !_ @not_strictly_false type hasValue"),
    (_conditional, "_?_:_"),
    (_comparison, "_==_ _!=_ _<_ _<=_ _>_ _>=_"),
    (_membership, "@in"),
    (_addition, "_+_"),
    (_arithmetic, "_-_ _*_ _/_ _%_ -_ int uint double bool timestamp duration"),
    (_index, "_[_] _?._ _[?_]"),
    (_size, "size"),
    (_search, "contains indexOf lastIndexOf"),
    (_affix, "startsWith endsWith"),
    (_matches, "matches"),
    (_replaced, "replace"),
    (_split, "split"),
    (_joined, "join"),
    (_formatted, "format"),
    (_zoned, "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek"),
    (_zoned, "getHours getMinutes getSeconds getMilliseconds"),
    (_range, "lists.range"),
    (_squared, "distinct sets.contains sets.equivalent sets.intersects"),
    (_sorted, "sort @sortByAssociatedKeys"),
)
_FUNCTIONS: Mapping[str, _Function] = {
    name: function for function, names in _GROUPS for name in names.split()
}
