"""What an expression can cost, proven from its syntax tree before it is evaluated.

The bound is a polynomial over the sizes of the variables. One unit is what the evaluator takes for a small step, some
50 ns. Each subexpression has a bound for the size of its value and one for its cost:

- A comprehension costs what its body costs, times the elements of its range. What its body does to the element itself
  is summed up over the range instead: all elements together are no larger than the range.
- A value is as large as everything in it, each time it is in it. So what doubles a value 24 times is too large, though
  it is made in 24 steps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from headrace_coordinator.triggers.expression_chunks import CHUNK
from headrace_coordinator.triggers.expression_tree import (
    Call,
    Comprehension,
    Constant,
    Elements,
    Name,
    Node,
    Select,
    Tree,
)

LIMIT = 400_000
"""Units of one evaluation: some 20 ms."""
CHARACTERS = 64
"""Characters of a text that are scanned in one unit."""
PER_RESULT = 12
"""Units that one unit of the result takes to become a Python value."""

TOTAL, LONGEST, TEXT = "total", "longest", "text"
"""The sizes of the variables that bounds speak of."""
Monomial = tuple[str, ...]


class Sizes(msgspec.Struct, frozen=True):
    """Of the variables of an evaluation."""

    total: float
    """Values, and the characters of all texts in units."""
    longest: float
    """Elements of the longest list or map."""
    text: float
    """The longest text in units."""


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
"""Of parts of a pattern that stand for many characters. `(?i)` doubles the rest."""
REPETITIONS = re.compile(r"(\d+)\}")

SMALL = Sizes(total=64.0, longest=8.0, text=4.0)
"""An event that every trigger must be able to read."""
LARGE = Sizes(total=2.0e6, longest=2.0e6, text=1.0e6)
"""Larger than any event of 8 MB; a bus takes 1 MB as it comes. What is cheap on it needs no look at the event."""


class TooCostly(Exception):
    """A subexpression that costs more than the limit, even on a small event."""

    def __init__(self, place: int, cost: float) -> None:
        super().__init__(place, cost)
        self.place = place
        self.cost = cost


class Bound:
    """A polynomial with coefficients that are not negative, so that it grows with each of its symbols."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, float]) -> None:
        self.terms = terms

    @classmethod
    def of(cls, symbol: str) -> Bound:
        return cls({(symbol,): 1.0})

    def __add__(self, other: Bound | float) -> Bound:
        sums = dict(self.terms)
        for monomial, factor in (other.terms if isinstance(other, Bound) else {(): float(other)}).items():
            sums[monomial] = sums.get(monomial, 0.0) + factor
        return Bound(sums)

    def __mul__(self, other: Bound | float) -> Bound:
        products: dict[Monomial, float] = {}
        right = other.terms if isinstance(other, Bound) else {(): float(other)}
        for one, factor in self.terms.items():
            for two, another in right.items():
                monomial = tuple(sorted((*one, *two)))
                products[monomial] = products.get(monomial, 0.0) + factor * another
        return Bound(products)

    def most(self, other: Bound) -> Bound:
        """Where at least one of both is reached."""
        both = self.terms.keys() | other.terms.keys()
        return Bound({key: max(self.terms.get(key, 0.0), other.terms.get(key, 0.0)) for key in both})

    def replace(self, symbol: str, bound: Bound) -> Bound:
        replaced = NOTHING
        for monomial, factor in self.terms.items():
            term = Bound({tuple(one for one in monomial if one != symbol): factor})
            for _ in range(monomial.count(symbol)):
                term *= bound
            replaced += term
        return replaced

    def symbols(self) -> set[str]:
        return {symbol for monomial in self.terms for symbol in monomial}

    def at(self, sizes: Sizes) -> float:
        """The bound in units; symbols of elements count as everything."""
        known = {LONGEST: sizes.longest, TEXT: sizes.text}
        return sum(
            factor * math.prod(known.get(symbol, sizes.total) for symbol in monomial)
            for monomial, factor in self.terms.items()
        )


NOTHING = Bound({})
ONE = Bound({(): 1.0})
UNBOUNDED = Bound({(): math.inf})


def _is_amortized(bound: Bound) -> bool:
    """Whether it speaks of the element of a comprehension, whose sizes are summed up."""
    return bool(bound.symbols() - {TOTAL, LONGEST, TEXT})


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
        return self.size if _is_amortized(self.size) else self.text


SCALAR = Value(ONE, NOTHING, NOTHING, ONE)


def cost_of(tree: Tree) -> Bound:
    """The bound for one evaluation, with its result; raises TooCostly."""
    analysis = _Analysis()
    value, cost = analysis.of(tree.root)
    return cost + value.size * PER_RESULT


class _Analysis:
    def __init__(self) -> None:
        self._scope: dict[str, Value] = {}
        self._variable = Value(Bound.of(TOTAL), Bound.of(LONGEST), Bound.of(LONGEST), Bound.of(TEXT))

    def of(self, node: Node) -> tuple[Value, Bound]:
        value, cost = self._of(node)
        units = cost.at(SMALL)
        if not units <= LIMIT:
            raise TooCostly(node.id, units)
        return value, cost

    def _of(self, node: Node) -> tuple[Value, Bound]:
        if isinstance(node, Constant):
            size = ONE + node.bytes / CHARACTERS
            return Value(size, NOTHING, NOTHING, size), ONE
        if isinstance(node, Name):
            return self._scope.get(node.name, self._variable), ONE
        if isinstance(node, Select):
            value, cost = self.of(node.operand)
            return SCALAR if node.is_test else _inside(value), cost + 1.0
        if isinstance(node, Elements):
            parts = [self.of(part) for part in node.parts]
            return _collected([value for value, _ in parts], node.length), _sum(
                cost for _, cost in parts
            ) + 1.0
        if isinstance(node, Comprehension):
            return self._comprehension(node)
        return self._call(node)

    def _call(self, call: Call) -> tuple[Value, Bound]:
        results = [self.of(operand) for operand in call.operands]
        own = _function(call, [value for value, _ in results])
        return own[0], own[1] + _sum(cost for _, cost in results)

    def _comprehension(self, loop: Comprehension) -> tuple[Value, Bound]:
        iterated, cost = self.of(loop.range)
        initial, initial_cost = self.of(loop.initial)
        cost += initial_cost
        if not iterated.length.terms:  # what `cel.bind` becomes
            with_result, result_cost = self._within({loop.accumulator: initial}, loop.result)
            return with_result, cost + result_cost
        element, made, length = (f"{kind} {loop.id}" for kind in ("element", "made", "length"))
        scope = {
            loop.variable: Value(
                Bound.of(element), Bound.of(element), iterated.longest, iterated.text.most(ONE)
            ),
            loop.accumulator: Value(Bound.of(made), Bound.of(length), NOTHING, NOTHING),
        }
        _, condition_cost = self._within(scope, loop.condition)
        step, step_cost = self._within(scope, loop.step)

        def total(each: Bound) -> Bound:
            return _over(each, element, iterated)

        result = Value(
            size=_accumulated(step.size, made, initial.size, total),
            length=_accumulated(step.length, length, initial.length, total),
            longest=step.longest.most(initial.longest),
            text=step.text.most(initial.text),
        )
        result = msgspec.structs.replace(result, longest=result.longest.most(result.length))
        each = (condition_cost + step_cost + 1.0).replace(made, result.size).replace(length, result.length)
        value, result_cost = self._within({loop.accumulator: result}, loop.result)
        return value, cost + total(each) + result_cost

    def _within(self, names: Mapping[str, Value], node: Node) -> tuple[Value, Bound]:
        outer, self._scope = self._scope, {**self._scope, **names}
        try:
            return self.of(node)
        finally:
            self._scope = outer


def _over(each: Bound, element: str, iterated: Value) -> Bound:
    """The sum over a comprehension."""
    total = NOTHING
    for monomial, factor in each.terms.items():
        term = Bound({monomial: factor})
        if element in monomial:
            total += term.replace(element, iterated.size)
        else:
            total += term * (iterated.longest if _is_amortized(term) else iterated.length)
    return total


def _accumulated(step: Bound, made: str, initial: Bound, total: Callable[[Bound], Bound]) -> Bound:
    """What the accumulator becomes, from what one step makes of it."""
    grown = Bound({monomial: factor for monomial, factor in step.terms.items() if made not in monomial})
    kept = {monomial: factor for monomial, factor in step.terms.items() if made in monomial}
    if kept not in ({}, {(made,): 1.0}):
        return UNBOUNDED
    return initial + total(grown)


def _sum(bounds: Iterable[Bound]) -> Bound:
    return sum(bounds, start=NOTHING)


def _inside(value: Value) -> Value:
    """A field or an element of it."""
    length = value.size if _is_amortized(value.size) else value.longest
    return msgspec.structs.replace(value, length=length)


def _collected(values: Iterable[Value], length: int) -> Value:
    longest, size, text = Bound({(): float(length)}), ONE, NOTHING
    for value in values:
        size, longest, text = size + value.size, longest.most(value.longest), text.most(value.text)
    return Value(size, Bound({(): float(length)}) if length else NOTHING, longest, text)


def _least(one: Bound, other: Bound) -> Bound:
    """One of both that bounds the smaller: a constant, or what is summed up over a comprehension."""
    for bound in (one, other):
        if not bound.symbols():
            return bound
    return one if _is_amortized(one) else other


def _function(call: Call, values: list[Value]) -> tuple[Value, Bound]:
    """The value and the cost of a call, without the cost of its operands."""
    if known := _FUNCTIONS.get(call.name):
        return known(call, values)
    size = _sum(value.scan for value in values) + 1.0
    sizes = _sum(value.size for value in values) + 1.0
    longest = _sum(value.longest for value in values)
    return Value(sizes, _sum(value.length for value in values), longest, size), size


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
    return _inside(values[0]), ONE + _least(values[1].scan, ONE)


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
