"""Tasks of every kind: what a worker answers, and what it says of their messages meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from headrace_coordinator.conformance import probes as scripted
from headrace_coordinator.conformance.parts import outcomes, settlements, voluntary
from headrace_coordinator.conformance.probes import ECHO, FAIL, Probe, echo, probe, sleep
from headrace_coordinator.conformance.recording import Sign, now_us
from headrace_coordinator.conformance.rules import Finding, missed
from headrace_coordinator.conformance.stage import Stage
from headrace_protocol import codec
from headrace_protocol.definition import Literal, Output, Priority
from headrace_protocol.deliveries import Redelivered, Redundant, Wanted
from headrace_protocol.ids import attempt_key, name_hash
from headrace_protocol.messages import CancelAttempts, HeldAttempt, ItemInput, Result, TaskMessage

LONG = 2.25
"""In ack waits: longer than twice one."""
HEARD_S = 1.0
"""Within this something is said at once."""
RULES = (*outcomes.RULES, *settlements.RULES, *voluntary.RULES)


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """The probes by what they are for."""

    again: Probe
    plain: Probe
    extra: Probe
    bindings: Probe
    item: Probe
    integers: Probe
    tagged: Probe
    later: Probe
    fails: Probe
    misfit: Probe
    absent: Probe
    unknown: Probe
    large: Probe
    high: Probe
    low: Probe
    coded: Probe
    newer: Probe
    unconfirmed: Probe
    long: Probe
    cancelled: Probe

    @property
    def required(self) -> tuple[Probe, ...]:
        """Those of the normal priority that end soon and must be answered."""
        return (
            self.plain,
            self.extra,
            self.bindings,
            self.item,
            self.integers,
            self.tagged,
            self.later,
            self.fails,
            self.misfit,
            self.absent,
            self.unknown,
            self.large,
        )

    def __iter__(self) -> Iterator[Probe]:
        return (getattr(self, name) for name in self.__struct_fields__)


def written(long_s: float) -> Script:
    """The script, with tasks of that length."""
    at_us = now_us()
    gone = {"upstream": Result(codec.raw({"rows": []}))}
    unconfirmed = echo("unconfirmed", "unconfirmed", at_us=at_us, shard=scripted.NO_SHARD)
    return Script(
        again=echo("again", "again", at_us=at_us),
        plain=echo("plain", "plain", at_us=at_us),
        extra=echo("unknown-fields", "extra", at_us=at_us, extra=True),
        bindings=scripted.bound(at_us),
        item=echo("item", "first", at_us=at_us, item=0, item_input=ItemInput(codec.raw("first"))),
        integers=echo("integers", scripted.INTEGERS, at_us=at_us),
        tagged=echo("tagged", scripted.TAGGED, at_us=at_us),
        later=echo("later-attempt", "later", at_us=at_us, attempt=3, dispatch=2),
        fails=probe("fails", FAIL, {"message": Literal(scripted.FAILURE)}, at_us=at_us),
        misfit=probe("misfit", ECHO, {"no_such_parameter": Literal(1)}, at_us=at_us),
        absent=probe("absent", ECHO, {"value": Output("upstream", ("rows", 7))}, at_us=at_us, inputs=gone),
        unknown=probe("unknown-task", scripted.UNKNOWN, {}, at_us=at_us, dispatch=4),
        large=echo("large", scripted.LARGE, at_us=at_us),
        high=echo("high", "high", at_us=at_us, priority=Priority.HIGH),
        low=echo("low", "low", at_us=at_us, priority=Priority.LOW),
        coded=echo("coded", "coded", at_us=at_us, code=name_hash(ECHO)),
        newer=echo("newer-version", "newer", at_us=at_us, version="2"),
        unconfirmed=unconfirmed,
        long=sleep("long", long_s, at_us=at_us),
        cancelled=sleep("cancelled", long_s, at_us=at_us),
    )


async def answers(stage: Stage) -> list[Finding]:
    long_s = LONG * stage.trial.ack_wait_s
    script = written(long_s)
    stage.recording.on_redelivered = lambda told: stage.send(told.reply_to, _redundant(told))
    await stage.publish(script.again)
    await stage.deliver_elsewhere(script.again)
    await stage.start_worker()
    if not stage.recording.asked:
        return [missed("pull", "it asks for no messages", "requests to the consumers of its queue")]
    rollcall_us = await _play(stage, script, long_s)
    return [
        *outcomes.judge(stage, script),
        *settlements.judge(stage, script, long_s),
        *voluntary.judge(stage, script, long_s, rollcall_us),
    ]


async def _play(stage: Stage, script: Script, long_s: float) -> int:
    """Publish everything and wait for what comes of it; returns when the roll was called."""
    patience_s = stage.trial.patience_s
    await stage.publish(*script.required, script.high, script.low)
    await stage.answered_or_refused(script.required, patience_s)
    await stage.publish(script.coded, script.newer, script.unconfirmed, script.long, script.cancelled)
    code = script.coded.message.code
    stage.send(stage.subjects.wanted, Wanted(scripted.QUEUE, Priority.NORMAL, code))
    # A third of an ack wait is the latest for a sign of life: by then both have begun in a worker with room.
    await asyncio.sleep(max(HEARD_S / 2, stage.trial.ack_wait_s / 3))
    rollcall_us = now_us()
    stage.send(stage.subjects.rollcall)
    await asyncio.sleep(HEARD_S / 2)
    stage.send(stage.subjects.cancel, _cancel(script.cancelled.message))
    newer = stage.sequences[script.newer.key]
    await stage.until(lambda: bool(stage.recording.signs(newer, Sign.NAK, Sign.ACK, Sign.TERM)), HEARD_S)
    await stage.withdraw(script.newer)
    await stage.withdraw(script.unconfirmed)
    await stage.answered_or_refused((script.long, script.cancelled), long_s + patience_s)
    probes = (*script.required, script.long, script.cancelled)
    await stage.until(lambda: all(settlements.is_settled(stage, one) for one in probes), HEARD_S)
    if stage.recording.signs(stage.sequences[script.long.key], Sign.PROGRESS):
        return rollcall_us
    # Without a sign of life the message was delivered again: its other copy ends now.
    await asyncio.sleep(min(long_s, stage.trial.ack_wait_s))
    return rollcall_us


def _redundant(told: Redelivered) -> Redundant:
    """As a coordinator answers that knows of another worker which has the attempt."""
    return Redundant(attempt_key(told.run_id, told.node, told.item, told.attempt), told.dispatch)


def _cancel(message: TaskMessage) -> CancelAttempts:
    held = HeldAttempt(
        run_id=message.run_id, node=message.node, attempt=message.attempt, started_at_us=message.queued_at_us
    )
    return CancelAttempts(run_id=message.run_id, attempts=(held,), reason="conformance")
