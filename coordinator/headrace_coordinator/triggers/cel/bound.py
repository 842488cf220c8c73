"""Bounds of sizes and costs: polynomials over the sizes of the variables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

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


SMALL = Sizes(total=64.0, longest=8.0, text=4.0)
"""An event that every trigger must be able to read."""
LARGE = Sizes(total=2.0e6, longest=2.0e6, text=1.0e6)
"""Larger than any event of 8 MB; a bus takes 1 MB as it comes. What is cheap on it needs no look at the event."""


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


def is_amortized(bound: Bound) -> bool:
    """Whether it speaks of the element of a comprehension, whose sizes are summed up."""
    return bool(bound.symbols() - {TOTAL, LONGEST, TEXT})


def sum_of(bounds: Iterable[Bound]) -> Bound:
    return sum(bounds, start=NOTHING)
