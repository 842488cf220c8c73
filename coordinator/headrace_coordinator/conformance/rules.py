"""The rules that are checked: the sentences of docs/protocol.md as a table."""

from __future__ import annotations

from enum import StrEnum

import msgspec

WORKER = "What a worker does"


class Level(StrEnum):
    """How strict a rule is."""

    MUST = "must"
    SHOULD = "should"


class Verdict(StrEnum):
    """What was found of a rule."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_DONE = "not done"
    """Of a rule that may be left out."""


class Rule(msgspec.Struct, frozen=True):
    """One rule."""

    name: str
    level: Level
    sentence: str
    section: str
    """Of docs/protocol.md."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a rule."""

    rule: str
    level: Level
    verdict: Verdict
    sentence: str
    found: str
    expected: str = ""
    section: str


def _must(name: str, sentence: str, section: str) -> Rule:
    return Rule(name, Level.MUST, sentence, section)


def _should(name: str, sentence: str, section: str) -> Rule:
    return Rule(name, Level.SHOULD, sentence, section)


RULES = {
    rule.name: rule
    for rule in (
        _must("pull", "It pulls from the durable consumer <queue>_<priority>.", f"{WORKER}, 1"),
        _should(
            "priorities", "It also pulls from the consumers of the high and low priority.", f"{WORKER}, 1"
        ),
        _must("runs-on", "It runs until it is told to stop.", f"{WORKER}, 7"),
        _must(
            "newer-version", "It answers a message of a newer version with -NAK and a delay.", f"{WORKER}, 2"
        ),
        _must(
            "signs-of-life", "It sends +WPI for what it holds, so that a long task runs once.", f"{WORKER}, 3"
        ),
        _must("outcome-readable", "Its outcomes are an OutcomeBatch in msgpack or JSON.", "OutcomeBatch"),
        _must(
            "outcome-names", "An outcome names run, node, item and attempt as its task message.", "Outcome"
        ),
        _must("outcome-shard", "An outcome goes to the shard of its task message.", f"{WORKER}, 4"),
        _must("outcome-confirmed", "It waits for JetStream's answer to the outcome.", f"{WORKER}, 4"),
        _must("outcome-before-ack", "It acknowledges a task message only after its outcome.", f"{WORKER}, 5"),
        _must("settled", "It acknowledges every task message that it has answered.", f"{WORKER}, 5"),
        _must("new-bus", "It settles nothing that an earlier consumer delivered.", f"{WORKER}, 5"),
        _must("failure", "A task that fails ends with an outcome that has the error.", f"{WORKER}, 6"),
        _must("no-nak", "It never answers -NAK because a task failed.", f"{WORKER}, 6"),
        _must("input-invalid", "Parameters that do not fit are task.input_invalid.", f"{WORKER}, 6"),
        _must("large-result", "A result above 64 KB is stored, or is task.result_invalid.", "Encodings"),
        _must("unknown-task", "A task that it does not have is returned, with the dispatch.", f"{WORKER}, 7"),
        _must("unknown-fields", "Fields that it does not know are ignored.", "How the protocol grows"),
        _must(
            "bindings", "Parameters are resolved from bindings of every kind.", "Only workers with the task"
        ),
        _must("counts", "The outcome counts the lists at the places asked for.", "TaskMessage"),
        _must("item", "Item 0 of a map is an item.", "Outcome"),
        _must("integers", "Integers of 64 bits arrive and leave exactly.", "Encodings"),
        _must("tagged", "Tagged values arrive and leave as what they stand for.", "Tagged values"),
        _must("drain-exit", "Told to stop (SIGTERM), it ends by itself with exit code 0.", f"{WORKER}, 7"),
        _must("drain-settled", "When it drains, it answers and settles all that it has.", f"{WORKER}, 7"),
        _must("drain-pull", "When it drains, it pulls no more.", f"{WORKER}, 7"),
        _must("restart", "It goes on working after NATS was restarted.", f"{WORKER}, 5"),
        _should("delivery", "The outcome says how often its message was delivered.", "Outcome"),
        _should("redelivered", "What is delivered again is held, and Redelivered is sent.", f"{WORKER}, 8"),
        _should("heartbeat", "It sends a heartbeat that names what it holds.", f"{WORKER}, 9"),
        _should("rollcall", "It sends a heartbeat at once on live.rollcall.", f"{WORKER}, 9"),
        _should("cancel", "It stops attempts that a CancelAttempts names.", f"{WORKER}, 9"),
        _should("stopped", "Its last heartbeat says stopped.", f"{WORKER}, 7"),
        _should("code", "It serves the subject of a task's code on Wanted.", "Only workers with the task"),
    )
}


def kept(name: str, found: str) -> Finding:
    """The rule holds."""
    return _finding(name, Verdict.KEPT, found, "")


def missed(name: str, found: str, expected: str) -> Finding:
    """The rule does not hold: broken if it must, else not done."""
    verdict = Verdict.BROKEN if RULES[name].level is Level.MUST else Verdict.NOT_DONE
    return _finding(name, verdict, found, expected)


def judged(name: str, wrong: str, found: str, expected: str) -> Finding:
    """Kept as `found` says, unless something is `wrong`."""
    return missed(name, wrong, expected) if wrong else kept(name, found)


def _finding(name: str, verdict: Verdict, found: str, expected: str) -> Finding:
    rule = RULES[name]
    return Finding(
        rule=name,
        level=rule.level,
        verdict=verdict,
        sentence=rule.sentence,
        found=found,
        expected=expected,
        section=rule.section,
    )
