"""CEL expressions over events: compiled once when a definition is deployed, evaluated per event.

What an expression can cost is proven twice: when it is compiled, for a small event, and from the sizes of the event
before it is evaluated on it. What could hold the loop is refused, and never begun.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec
from cel_expr_python import cel

from headrace_coordinator.triggers.cel.bound import LARGE, SMALL
from headrace_coordinator.triggers.cel.cost import LIMIT, Proof, TooCostly, proof_of
from headrace_coordinator.triggers.cel.library import (
    FUNCTIONS,
    OptionalInside,
    checker_of,
    compiled_of,
    plain_of,
)
from headrace_coordinator.triggers.cel.tree import NAMESPACES, LiteralMessage, Tree, path_of
from headrace_coordinator.triggers.cel.variables import Variables
from headrace_coordinator.triggers.condition import ABSENT, fields_of, nothing_in, seen
from headrace_protocol.errors import ErrorCode, ExpressionError

__all__ = ["LONGEST_SOURCE", "Expression", "Variables", "compile_expression"]

LONGEST_SOURCE = 4096
"""Characters: the parser takes some 20 ms for the worst of them."""

ISSUE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (?:Syntax error: )?(.*)")
UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
MISMATCH = re.compile(r"found no matching overload for '(\w+(?:\.\w+)*)' applied to '(.*)'")
NO_OVERLOAD = re.compile(r"No matching overloads found : (.*)")
BINARY = re.compile(r"@?_?([^\s_\w]+|in)_?\((\w+), (\w+)\)")
OUTSIDE = re.compile(r"Index error: index=(-?\d+) size=(\d+)")
WRONG_OPERATORS = {"and": "&&", "or": "||", "not": "!", "=": "=="}

CONVERT = "Convert one of them: int(x), double(x) or string(x), and write 2.0 beside a float."
GUARD = "Guard it with has(...), such as `has(event.data.size) && event.data.size > 0`."
BOUNDED = "Write the pattern of `matches` and the end of `lists.range` into the expression."
CHEAPER = "Nest fewer comprehensions, read less of the event in each, or decide in a task."


class Expression:
    """A compiled expression; `where` names its place in errors."""

    __slots__ = ("_program", "source", "where")

    def __init__(self, source: str, program: _Program, where: str) -> None:
        self.source = source
        self.where = where
        self._program = program

    def evaluate(self, variables: Mapping[str, object] | Variables) -> object:
        """The result as JSON has it: times as RFC 3339 text, durations as ISO 8601 text, bytes as base64.

        Keys of maps become text; an empty optional becomes None. Raises `ExpressionError`.
        """
        bound = variables if isinstance(variables, Variables) else Variables(variables)
        field = _at(bound.plain, self._program.path)
        if field is not ABSENT:
            return self._encoded(field)
        value = self._execute(self._program.compiled, bound)
        if value.type() == cel.Type.ERROR:
            try:
                problem = value.value()
            except TypeError:  # an optional
                value = self._execute(self._program.unwrapped(), bound)
            else:
                raise self._broken(bound.plain, _problem(problem))
        if not self._program.has_optionals:
            return self._encoded(value.plain_value())
        try:
            return self._encoded(plain_of(value))
        except OptionalInside:
            fix = "Unwrap it, for example with `orValue(null)`."
            raise self._failed("gave a value that cannot be encoded", "an optional in it", fix=fix) from None

    def _encoded(self, value: object) -> object:
        try:
            plain: object = msgspec.to_builtins(value, str_keys=True, enc_hook=_unwrap)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise self._failed("gave a value that cannot be encoded", _first_line(error)) from None
        return plain

    def evaluate_bool(self, variables: Mapping[str, object] | Variables) -> bool:
        """The result of a condition. Raises `ExpressionError` when it is not true or false."""
        bound = variables if isinstance(variables, Variables) else Variables(variables)
        value = self._execute(self._program.compiled, bound)
        try:
            result: object = value.value()
        except TypeError:  # an optional, which the library has no access to
            result = value
        if isinstance(result, bool):
            return result
        is_optional = result is value
        if value.type() == cel.Type.ERROR and not is_optional:
            raise self._broken(bound.plain, _problem(result))
        raise self._failed(
            "is not true or false",
            f"{value!r:.80}" + ("" if is_optional else f" ({_type_name(value.type())})"),
            expected="bool",
            fix="Compare the value, for example with `== true` or `!= null`.",
        )

    def _execute(self, compiled: cel.Expression, bound: Variables) -> cel.Value:
        program = self._program
        if program.depends and not (units := program.cost.at(bound.sizes)) <= LIMIT:
            raise self._failed(
                "would hold the coordinator for too long on this event",
                f"up to {units:.0f} steps on an event of {bound.sizes.total:.0f} values, "
                f"its longest list of {bound.sizes.longest:.0f}",
                expected=f"at most {LIMIT}",
                fix=CHEAPER,
            )
        try:
            return compiled.eval(bound.activation)
        except (RuntimeError, ValueError, LookupError) as error:
            raise self._broken(bound.plain, _problem(error)) from None

    def _broken(self, variables: Mapping[str, object], problem: str) -> ExpressionError:
        """The error for what the evaluator says."""
        key = re.search(r'Key not found in map : "?(.*?)"?$', problem)
        if key:
            return self._failed("reads a field that is not there", f"no field `{key[1]}`", fix=GUARD)
        overload = NO_OVERLOAD.search(problem)
        if overload or "SELECT" in problem or "container type" in problem:
            binary = BINARY.fullmatch(overload[1]) if overload else None
            found = f"No such overload: {overload[1]}" if overload else problem
            return self._mixes_types(
                variables, f"No such overload: {binary[2]} {binary[1]} {binary[3]}" if binary else found
            )
        if "Iteration budget" in problem:
            return self._failed("takes too many steps", "more than 10,000 iterations", fix=CHEAPER)
        outside = OUTSIDE.search(problem)
        found = f"index {outside[1]} is outside of the list of {outside[2]}" if outside else problem
        return self._failed("failed", self._with_fields(variables, found))

    def _with_fields(self, variables: Mapping[str, object], problem: str) -> str:
        event, fields = variables.get("event"), fields_of(self.source)
        return f"{problem}, with {seen(fields, event)}" if isinstance(event, Mapping) and fields else problem

    def _mixes_types(self, variables: Mapping[str, object], problem: str) -> ExpressionError:
        """An operation on types that it is not defined for; mostly something is null or absent."""
        event = variables.get("event")
        fields = fields_of(self.source)
        if not isinstance(event, Mapping) or not fields:
            return self._failed("mixes types", problem, fix=CONVERT)
        empty = nothing_in(fields, event)
        if empty:
            fix = f"Guard it: `{empty} != null && ...`, or publish the event with it."
            return self._failed("reads what is not there", f"{empty} is null", fix=fix)
        return self._failed("mixes types", self._with_fields(variables, problem), fix=CONVERT)

    def _failed(self, what: str, found: str, *, expected: str = "", fix: str = "") -> ExpressionError:
        return ExpressionError(
            f"the expression `{self.source}` {what}",
            where=self.where,
            found=found,
            expected=expected,
            fix=fix,
            code=ErrorCode.EXPRESSION_FAILED,
        )


def compile_expression(source: str, *, where: str = "", variables: Iterable[str] = ("event",)) -> Expression:
    """The expression, ready to evaluate on the variables named.

    Raises `ExpressionError` for wrong syntax, for names that do not exist, and for what costs too much.
    """
    try:
        return Expression(source, _program(source, frozenset(variables)), where)
    except ExpressionError as error:
        error.where = where
        raise


class _Program:
    """What is compiled of a source, once for all places that have it."""

    __slots__ = ("_source", "compiled", "cost", "depends", "has_optionals", "path")

    def __init__(self, source: str, compiled: cel.Expression, tree: Tree, proof: Proof) -> None:
        self._source = source
        self.compiled = compiled
        self.path = path_of(tree)
        self.cost = proof.cost
        self.has_optionals = proof.has_optionals
        self.depends = not proof.cost.at(LARGE) <= LIMIT
        """Whether its cost depends on the event."""

    def unwrapped(self) -> cel.Expression:
        """The library gives no access to an optional value. The line break ends a comment."""
        return compiled_of(f"({self._source}\n).orValue(null)")[0]


@lru_cache(maxsize=4096)
def _program(source: str, variables: frozenset[str]) -> _Program:
    if not source.strip() or len(source) > LONGEST_SOURCE:
        raise ExpressionError(
            "the expression is empty" if not source.strip() else "the expression is too long",
            found=f"{len(source)} characters",
            expected=f"1 to {LONGEST_SOURCE} characters",
        )
    try:
        compiled, tree = compiled_of(source)
    except LiteralMessage as error:
        raise ExpressionError(
            f"the expression `{source}` writes a protobuf message",
            found=str(error),
            expected="values that JSON has, times and durations",
            fix="Write a map, or use `timestamp(...)` and `duration(...)`.",
        ) from None
    except (RuntimeError, ValueError) as error:
        raise _syntax_error(source, str(error)) from None
    _check_names(source, variables)
    return _Program(source, compiled, tree, _proof(source, tree))


def _check_names(source: str, variables: frozenset[str]) -> None:
    """What the type checker says of names and of calls.

    It is right about more, such as `[1] == [1.0]`; but what is an error only for it has a value when it is evaluated.
    """
    try:
        checker_of(variables).compile(source)
    except (RuntimeError, ValueError) as error:
        for line, column, problem in ISSUE.findall(str(error)):
            if undeclared := UNDECLARED.match(problem):
                raise _unknown(source, undeclared[1], variables) from None
            if mismatch := MISMATCH.match(problem):
                raise ExpressionError(
                    f"the expression `{source}` calls `{mismatch[1]}` on what it is not defined for, "
                    f"at line {line}, column {column}",
                    found=mismatch[2],
                    expected=f"the arguments of CEL's `{mismatch[1]}`",
                ) from None


def _unknown(source: str, name: str, variables: frozenset[str]) -> ExpressionError:
    name = name if name in NAMESPACES else name.partition(".")[0]
    called = re.search(rf"\b{re.escape(name)}(?:\.\w+)?\s*\(", source)
    if name in NAMESPACES and called:
        name = called[0].rstrip("( \t\n")
    kind, known = ("function", FUNCTIONS) if called else ("variable", variables)
    close = difflib.get_close_matches(name, known, n=1)
    place = re.search(rf"\b{re.escape(name)}\b", source)
    return ExpressionError(
        f"the expression `{source}` names the {kind} `{name}`, which does not exist",
        found=f"{name} at character {place.start() + 1}" if place else name,
        expected="a function of CEL or of its usual extensions" if called else ", ".join(sorted(known)),
        fix=f"Did you mean `{close[0]}`?" if close else "",
    )


def _proof(source: str, tree: Tree) -> Proof:
    try:
        return proof_of(tree)
    except TooCostly as error:
        place = tree.positions.get(error.place, 0)
        line, column = source.count("\n", 0, place) + 1, place - source.rfind("\n", 0, place)
        raise ExpressionError(
            f"the expression `{source}` costs too much at line {line}, column {column}",
            found=f"up to {error.cost:.2g} steps on an event with {SMALL.longest:.0f} items"
            if math.isfinite(error.cost)
            else "a cost that nothing bounds",
            expected=f"at most {LIMIT} steps",
            fix=CHEAPER if math.isfinite(error.cost) else BOUNDED,
        ) from None


def _syntax_error(source: str, message: str) -> ExpressionError:
    issue = ISSUE.search(message)
    if "recursion" in message:
        return ExpressionError(
            f"the expression `{source}` nests too deeply",
            found="more than 32 levels of parentheses, lists, calls or operators in a row",
            expected="at most 32 levels",
            fix="Group the operands with parentheses, or write a list and use `in` or `exists`.",
        )
    line, column, problem = (issue[1], issue[2], issue[3]) if issue else ("1", "1", _problem(message))
    problem = problem.partition(" expecting ")[0]
    if "<EOF>" in problem:
        problem = "the end of the expression"
    quoted = re.search(r"'([^']*)'", problem)
    right = WRONG_OPERATORS.get(quoted[1].strip()) if quoted else None
    return ExpressionError(
        f"the expression `{source}` cannot be read at line {line}, column {column}",
        found=problem,
        expected="a CEL expression",
        fix=f"Write `{right}`." if right else "",
    )


def _at(variables: Mapping[str, object], path: tuple[str, ...]) -> object:
    """What is there, read without the library: large values pass through as they are."""
    value: object = variables if path else ABSENT
    for name in path:
        value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def _unwrap(value: object) -> object:
    """Types are the one kind of result that msgspec does not know."""
    if isinstance(value, cel.Type):
        return _type_name(value)
    raise TypeError(f"{type(value).__name__} is not a value")


def _type_name(kind: cel.Type) -> str:
    name = kind.name().partition("<")[0].lower()
    return {"null": "null_type"}.get(name, f"google.protobuf.{name.title()}" if name in TIMES else name)


TIMES = frozenset({"timestamp", "duration"})


def _problem(status: object) -> str:
    """The message of a status, such as `INVALID_ARGUMENT: divide by zero [INVALID_ARGUMENT]`."""
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", _first_line(status))


def _first_line(problem: object) -> str:
    return str(problem).split("\n", 1)[0]
