"""The task messages that a worker is asked with, and what it has to answer."""

from __future__ import annotations

import math

import msgspec

from headrace_protocol import codec, tagged
from headrace_protocol.definition import (
    Binding,
    Item,
    ListOf,
    Literal,
    ObjectOf,
    Output,
    Param,
    Path,
    Priority,
)
from headrace_protocol.ids import attempt_key, shard_of
from headrace_protocol.messages import ItemInput, Outcome, Result, TaskMessage

QUEUE = "conformance"
SHARDS = 4
NO_SHARD = 9
"""No stream takes its subjects."""
ECHO, FAIL, SLEEP = "conformance.echo", "conformance.fail", "conformance.sleep"
UNKNOWN = "conformance.nobody-has-this"
FAILURE = "this task fails on purpose"
LARGE = "x" * 70_000

INTEGERS = [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**64 - 1]
TAGGED = [
    tagged.tag("int", str(2**64)),
    math.nan,
    math.inf,
    -math.inf,
    b"\x00\xff",
    {"$headrace": "nobody-knows-this", "value": [1]},
]


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A task message and how it is published."""

    message: TaskMessage
    value: object = None
    """What a task that succeeds must return."""
    priority: Priority = Priority.NORMAL
    version: str = ""
    extra: bool = False
    """With fields that no reader knows."""

    @property
    def key(self) -> str:
        message = self.message
        return attempt_key(message.run_id, message.node, message.item, message.attempt)

    @property
    def body(self) -> bytes:
        body = codec.encode(self.message)
        if not self.extra:
            return body
        fields = {**msgspec.msgpack.decode(body), **_NEW_FIELDS}
        fields["bindings"] = {
            name: {**binding, **_NEW_FIELDS} for name, binding in fields["bindings"].items()
        }
        return msgspec.msgpack.encode(fields)

    def shows(self, outcome: Outcome) -> bool:
        """Whether the outcome has the value."""
        return same(self.value, value_of(outcome))


_NEW_FIELDS = {"x_conformance": {"added": ["by", "a", "later", "version"]}, "x_number": 7}


def probe(node: str, task: str, bindings: dict[str, Binding], *, at_us: int, **changes: object) -> Probe:
    """A probe; its node names it. Changes are of fields of the message, and of the probe itself."""
    run_id = f"conformance-{node}"
    own = {name: changes.pop(name) for name in ("value", "priority", "version", "extra") if name in changes}
    message = TaskMessage(
        run_id=run_id,
        workflow="conformance",
        node=node,
        attempt=1,
        task=task,
        shard=shard_of(run_id, SHARDS),
        queue=QUEUE,
        queued_at_us=at_us,
        bindings=bindings,
    )
    return msgspec.structs.replace(Probe(message=msgspec.structs.replace(message, **changes)), **own)


def echo(node: str, value: object, *, at_us: int, **changes: object) -> Probe:
    """A task that has to return its literal parameter."""
    bindings: dict[str, Binding] = {"value": Literal(value)}
    return probe(node, ECHO, bindings, at_us=at_us, value=value, **changes)


def sleep(node: str, seconds: float, *, at_us: int) -> Probe:
    return probe(node, SLEEP, {"seconds": Literal(seconds)}, at_us=at_us)


def bound(at_us: int) -> Probe:
    """Every kind of binding, and places whose length is asked for."""
    fields: dict[str, Binding] = {
        "literal": Literal(["a", "b"]),
        "param": Param("order", ("lines", 1)),
        "output": Output("upstream", ("rows", 0, "n")),
        "list": ListOf((Item(), Literal(None))),
    }
    counts: tuple[Path, ...] = (("literal",), ("param",), ("list",))
    return probe(
        "bindings",
        ECHO,
        {"value": ObjectOf(fields)},
        at_us=at_us,
        value={"literal": ["a", "b"], "param": "tea", "output": 41, "list": ["item", None]},
        params=codec.raw({"order": {"lines": ["milk", "tea"]}}),
        inputs={"upstream": Result(codec.raw({"rows": [{"n": 41}]}))},
        item=3,
        item_input=ItemInput(codec.raw("item")),
        counts=counts,
    )


def value_of(outcome: Outcome) -> object:
    """The result's value, tagged forms resolved; None where there is none."""
    if outcome.result is None or not bytes(outcome.result.value):
        return None
    return tagged.resolve(msgspec.msgpack.decode(outcome.result.value))


def same(expected: object, found: object) -> bool:
    """Equality as JSON has it: 1 and 1.0 are one number, a NaN is a NaN, and true is no number."""
    match tagged.resolve(expected), found:
        case dict() as left, dict() as right:
            return left.keys() == right.keys() and all(same(one, right[key]) for key, one in left.items())
        case list() as left, list() as right:
            return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
        case float() as left, float() as right if math.isnan(left):
            return math.isnan(right)
        case left, right:
            return isinstance(left, bool) is isinstance(right, bool) and left == right
