"""What an expression can cost, proven from its syntax tree before it is evaluated.

The bound is a polynomial over the sizes of the variables. One unit is what the evaluator takes for a small step, some
50 ns. Each subexpression has a bound for the size of its value and one for its cost:

- A comprehension costs what its body costs, times the elements of its range. What its body does to the element itself
  is summed up over the range instead: all elements together are no larger than the range.
- A value is as large as everything in it, each time it is in it. So what doubles a value 24 times is too large, though
  it is made in 24 steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from headrace_coordinator.triggers.cel.bound import (
    LONGEST,
    NOTHING,
    ONE,
    SMALL,
    TEXT,
    TOTAL,
    UNBOUNDED,
    Bound,
    is_amortized,
    sum_of,
)
from headrace_coordinator.triggers.cel.functions import CHARACTERS, SCALAR, Value, call_of, inside
from headrace_coordinator.triggers.cel.tree import (
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
PER_RESULT = 12
"""Units that one unit of the result takes to become a Python value."""
PER_RESULT_ITEM = 70
"""The same, where each value is asked for by itself."""
OPTIONALS = frozenset(
    {"_?._", "_[?_]", "optional.of", "optional.ofNonZeroValue", "optional.none", "first", "last"}
)
"""The functions that make optionals."""


class TooCostly(Exception):
    """A subexpression that costs more than the limit, even on a small event."""

    def __init__(self, place: int, cost: float) -> None:
        super().__init__(place, cost)
        self.place = place
        self.cost = cost


class Proof(msgspec.Struct, frozen=True):
    """What is known of each evaluation."""

    cost: Bound
    """With its result."""
    has_optionals: bool
    """Whether there may be optionals in the result."""


def proof_of(tree: Tree) -> Proof:
    """Raises TooCostly."""
    analysis = _Analysis()
    value, cost = analysis.of(tree.root)
    has_optionals = bool(analysis.names & OPTIONALS)
    return Proof(cost + value.size * (PER_RESULT_ITEM if has_optionals else PER_RESULT), has_optionals)


class _Analysis:
    def __init__(self) -> None:
        self.names: set[str] = set()
        """Of the functions that are called."""
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
            return SCALAR if node.is_test else inside(value), cost + 1.0
        if isinstance(node, Elements):
            parts = [self.of(part) for part in node.parts]
            return _collected([value for value, _ in parts], node.length), sum_of(
                cost for _, cost in parts
            ) + 1.0
        if isinstance(node, Comprehension):
            return self._comprehension(node)
        return self._call(node)

    def _call(self, call: Call) -> tuple[Value, Bound]:
        self.names.add(call.name)
        results = [self.of(operand) for operand in call.operands]
        own = call_of(call, [value for value, _ in results])
        return own[0], own[1] + sum_of(cost for _, cost in results)

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
            total += term * (iterated.longest if is_amortized(term) else iterated.length)
    return total


def _accumulated(step: Bound, made: str, initial: Bound, total: Callable[[Bound], Bound]) -> Bound:
    """What the accumulator becomes, from what one step makes of it."""
    grown = Bound({monomial: factor for monomial, factor in step.terms.items() if made not in monomial})
    kept = {monomial: factor for monomial, factor in step.terms.items() if made in monomial}
    if kept not in ({}, {(made,): 1.0}):
        return UNBOUNDED
    return initial + total(grown)


def _collected(values: Iterable[Value], length: int) -> Value:
    longest, size, text = Bound({(): float(length)}), ONE, NOTHING
    for value in values:
        size, longest, text = size + value.size, longest.most(value.longest), text.most(value.text)
    return Value(size, Bound({(): float(length)}) if length else NOTHING, longest, text)
