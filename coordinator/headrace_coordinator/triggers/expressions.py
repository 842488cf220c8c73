"""CEL expressions over events: compiled once when a definition is deployed, evaluated per event."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import cel
import msgspec
from cel.stdlib import STDLIB_FUNCTIONS

from headrace_coordinator.triggers.condition import fields_of, nothing_in, seen
from headrace_protocol.errors import ErrorCode, ExpressionError

LONGEST_SOURCE = 4096
"""Characters. CEL recurses: a chain of some 10,000 operators overflows the stack, which ends the process."""

NATIVE_FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches"),
        *("int", "uint", "double", "string", "bytes", "timestamp", "duration", "dyn", "type"),
        *("getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
TYPE_NAMES = frozenset(
    {"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"}
)
MACROS = frozenset({"has", "all", "exists", "exists_one", "existsOne", "map", "filter"})

# The analysis of a program splits a function from its namespace: `math.abs(x)` refers to a variable `math`
# and a function `abs`.
EXTENSIONS = frozenset(name.rsplit(".")[-1] for name in STDLIB_FUNCTIONS)
NAMESPACES = frozenset(name.split(".")[0] for name in STDLIB_FUNCTIONS if "." in name) | {"optional"}
OPTIONAL_FUNCTIONS = frozenset({"of", "none", "value", "hasValue"})
FUNCTIONS = NATIVE_FUNCTIONS | OPTIONAL_FUNCTIONS | MACROS | EXTENSIONS

SYNTAX_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
BOUND_BY_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
WRONG_OPERATORS = {"and": "&&", "or": "||", "not": "!", "=": "=="}
FAILURES = (KeyError, IndexError, TypeError, ValueError, ArithmeticError, RuntimeError)
"""What evaluation raises for what it found in the variables."""

CONVERT = "Convert one of them: int(x), double(x) or string(x), and write 2.0 beside a float."
GUARD = "Guard it with has(...), such as `has(event.data.size) && event.data.size > 0`."


class Variables:
    """Variables converted for CEL once, for several expressions on the same event.

    Converting takes longer than evaluating: 45 µs for a small event, milliseconds for one of 60 KB.
    """

    __slots__ = ("context", "plain")

    def __init__(self, variables: Mapping[str, object]) -> None:
        self.plain = variables
        try:
            self.context = cel.Context(variables=dict(variables), functions=STDLIB_FUNCTIONS)
        except FAILURES as error:
            raise ExpressionError(
                "the variables hold a value that CEL does not know",
                found=_first_line(error),
                expected="null, bool, number, string, bytes, time, list or map",
                code=ErrorCode.EXPRESSION_FAILED,
            ) from None


class Expression:
    """A compiled expression; `where` names its place in errors."""

    __slots__ = ("_program", "source", "where")

    def __init__(self, source: str, program: cel.Program, where: str) -> None:
        self.source = source
        self.where = where
        self._program = program

    def evaluate(self, variables: Mapping[str, object] | Variables) -> object:
        """The result as JSON has it: times as RFC 3339 text, durations as ISO 8601 text, bytes as base64.

        Keys of maps become text; an empty optional becomes None. Raises `ExpressionError`.
        """
        value = self._execute(variables)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        try:
            plain: object = msgspec.to_builtins(value, str_keys=True, enc_hook=_unwrap)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise self._failed("gave a value that cannot be encoded", _first_line(error)) from None
        return plain

    def evaluate_bool(self, variables: Mapping[str, object] | Variables) -> bool:
        """The result of a condition. Raises `ExpressionError` when it is not true or false."""
        value = self._execute(variables)
        if isinstance(value, bool):
            return value
        raise self._failed(
            "is not true or false",
            f"{value!r:.80} ({type(value).__name__})",
            expected="bool",
            fix="Compare the value, for example with `== true` or `!= null`.",
        )

    def _execute(self, variables: Mapping[str, object] | Variables) -> object:
        bound = variables if isinstance(variables, Variables) else Variables(variables)
        try:
            value: object = self._program.execute(bound.context)
        except KeyError as error:
            name = str(error.args[0]) if error.args else ""
            raise self._failed(
                "reads a field that is not there",
                f"no field `{name}`",
                fix=GUARD,
            ) from None
        except TypeError as error:
            raise self._mixes_types(bound.plain, error) from None
        except FAILURES as error:
            raise self._failed("failed", _first_line(error)) from None
        return value

    def _mixes_types(self, variables: Mapping[str, object], error: TypeError) -> ExpressionError:
        """An operation on types that it is not defined for; mostly something is null or absent."""
        event = variables.get("event")
        fields = fields_of(self.source)
        if not isinstance(event, Mapping) or not fields:
            return self._failed("mixes types", _first_line(error), fix=CONVERT)
        empty = nothing_in(fields, event)
        if empty:
            fix = f"Guard it: `{empty} != null && ...`, or publish the event with it."
            return self._failed("reads what is not there", f"{empty} is null", fix=fix)
        return self._failed("mixes types", f"{_first_line(error)}, with {seen(fields, event)}", fix=CONVERT)

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

    Raises `ExpressionError` for wrong syntax, and for variables and functions that do not exist.
    """
    try:
        return Expression(source, _program(source, frozenset(variables)), where)
    except ExpressionError as error:
        error.where = where
        raise


@lru_cache(maxsize=4096)
def _program(source: str, variables: frozenset[str]) -> cel.Program:
    if not source.strip() or len(source) > LONGEST_SOURCE:
        raise ExpressionError(
            "the expression is empty" if not source.strip() else "the expression is too long",
            found=f"{len(source)} characters",
            expected=f"1 to {LONGEST_SOURCE} characters",
        )
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise _syntax_error(source, str(error)) from None
    _check_names(source, program, variables)
    return program


def _syntax_error(source: str, message: str) -> ExpressionError:
    match = SYNTAX_ERROR.search(message)
    line, column, problem = (match[1], match[2], match[3]) if match else ("1", "1", _first_line(message))
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


def _check_names(source: str, program: cel.Program, variables: frozenset[str]) -> None:
    references = program.references()
    tolerated = TYPE_NAMES | NAMESPACES | frozenset(BOUND_BY_MACRO.findall(source))
    used = [name for name in references["variables"] if name not in tolerated]
    _refuse_unknown("variable", source, used, variables, ", ".join(sorted(variables)))
    named = [name for name in references["functions"] if name.isidentifier() and not name.startswith("_")]
    _refuse_unknown("function", source, named, FUNCTIONS, "a function of CEL or of its usual extensions")


def _refuse_unknown(
    kind: str, source: str, names: Iterable[str], known: frozenset[str], expected: str
) -> None:
    for name in names:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1)
        place = re.search(rf"\b{re.escape(name)}\b", source)
        raise ExpressionError(
            f"the expression `{source}` names the {kind} `{name}`, which does not exist",
            found=f"{name} at character {place.start() + 1}" if place else name,
            expected=expected,
            fix=f"Did you mean `{close[0]}`?" if close else "",
        )


def _unwrap(value: object) -> object:
    """Optionals are the one kind of result that msgspec does not know."""
    if isinstance(value, cel.OptionalValue):
        return value.value() if value.has_value() else None
    raise TypeError(f"{type(value).__name__} is not a value")


def _first_line(problem: object) -> str:
    return str(problem).split("\n", 1)[0].split(". ", 1)[0]
