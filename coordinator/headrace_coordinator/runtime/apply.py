"""Applying inputs to runs: what the engine needs is brought, what it decides goes into the turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import Decision
from headrace_coordinator.engine.inputs import OutcomeReceived, RetryRun, RunInput, TimerFired
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.standing import join, withdraw
from headrace_coordinator.engine.state import Run, RunState
from headrace_coordinator.engine.transitions.retry_run import RETRIED
from headrace_coordinator.engine.transitions.start import NO_PARENT, new_run
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.deadletters import dead_letter, understood
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.registry import Registry
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.store.records import TallyKind
from headrace_protocol.errors import (
    Conflict,
    ErrorCode,
    HeadraceError,
    InvariantBroken,
    NotFound,
    ProtocolError,
)
from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_trace_id
from headrace_protocol.messages import CancelRun, CommandReply, StartRun

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
TRACE_STATE_LENGTH = 512


def bounds_of(shard: int) -> str:
    """The folder of the cursors in which a shard keeps the bounds of its queues: what it knew of the fleet last."""
    return f"capacity/{shard}"


def run_of(received: RunInput) -> str:
    """The run that an input is for."""
    match received:
        case OutcomeReceived(outcome=outcome):
            return outcome.run_id
        case TimerFired(key=key):
            return key.actor
        case _:
            return received.run_id


class LineBroken(Exception):
    """A run breaks the engine when its turn has come in the ready line. No input is to blame."""


class Applier:
    """Decides envelopes for one shard."""

    def __init__(
        self,
        shard: int,
        actors: Actors,
        registry: Registry,
        sampled: Callable[[str], bool],
        line: ReadyLine,
    ) -> None:
        self._shard = shard
        self._line = line
        self._unbooked: set[str] = set()
        """Runs that were taken out of the line, because what they had decided was not committed."""
        self._actors = actors
        self._registry = registry
        self._sampled = sampled

    async def apply_all(self, turn: Turn, envelopes: list[Envelope]) -> list[list[CommandReply]]:
        """Apply every input in order. Errors of senders become replies or dead letters.

        Raises InvariantBroken and programming errors: nothing of the turn may be kept then.
        """
        await self._book()
        for envelope in envelopes:
            for capacity in envelope.capacities:
                self._line.capacity(capacity.queue, capacity.limit)
                turn.transaction.cursors[f"{bounds_of(self._shard)}/{capacity.queue}"] = capacity.limit
        inputs = [received for envelope in envelopes for received in envelope.inputs]
        turn.pruned |= await self._actors.load(map(run_of, inputs))
        return [await self._apply(turn, envelope) for envelope in envelopes]

    async def let_go(self, turn: Turn) -> None:
        """Publish what the ready line has room for now. To be called after the inputs, in the same turn: nothing else
        lets it go.

        Raises LineBroken when a run of the line breaks the engine. It is granted nothing any more then.
        """
        while grants := self._line.grants():
            await self._actors.load(grant.run_id for grant in grants)
            for grant in grants:
                try:
                    found = self._actors.cached(grant.run_id)
                    if found is None:
                        raise InvariantBroken("a run in the ready line is not stored", where=grant.run_id)
                    turn.add(*found, self._decided(turn, *found, grant))
                except Exception as error:
                    self._line.mute(grant.run_id)
                    raise LineBroken(grant.run_id) from error

    async def _book(self) -> None:
        """Have the line know those runs again as they are stored."""
        if self._unbooked:
            await self._actors.load(self._unbooked)
            for run_id in self._unbooked:
                found = self._actors.peek(run_id)
                if found is not None:
                    run, plan = found
                    join(plan, run, self._line)
            self._unbooked.clear()

    def forget(self, run_ids: Iterable[str]) -> None:
        """Throw runs away whose changes are not committed."""
        gone = tuple(run_ids)
        for run_id in gone:
            found = self._actors.peek(run_id)
            if found is not None:
                run, plan = found
                withdraw(plan, run, self._line)
                self._unbooked.add(run_id)
        self._actors.forget(gone)

    def _decided(self, turn: Turn, run: Run, plan: Plan, received: RunInput) -> Decision:
        try:
            return decide(plan, run, received, turn.now_us, self._line)
        except Exception:
            self._actors.keep(run, plan)
            self.forget((run.head.run_id,))
            raise

    async def _apply(self, turn: Turn, envelope: Envelope) -> list[CommandReply]:
        replies = []
        for received in envelope.inputs:
            try:
                replies.append(await self._decide(turn, received))
            except InvariantBroken:
                raise
            except HeadraceError as error:
                replies.append(CommandReply(run_id=run_of(received), created=False, error=error.info()))
                if envelope.origin is not None and envelope.conclude is None:
                    letter = dead_letter(envelope.origin, error, turn.now_us, also=run_of(received))
                    turn.transaction.dead_letters.append(letter)
        turn.transaction.dead_letters += envelope.dead
        if envelope.write is not None:
            envelope.write(turn.transaction)
        if envelope.conclude is not None:
            envelope.conclude(turn, replies)
        return replies

    def bury(self, turn: Turn, envelope: Envelope, error: Exception) -> list[CommandReply]:
        """Give up on an envelope that breaks the engine: its message goes to the dead letters."""
        broken = understood(error)
        if envelope.origin is not None:
            turn.transaction.dead_letters.append(dead_letter(envelope.origin, broken, turn.now_us))
        turn.transaction.dead_letters += envelope.dead
        concerned = [run_of(received) for received in envelope.inputs] or [""]
        return [CommandReply(run_id=run_id, created=False, error=broken.info()) for run_id in concerned]

    async def _decide(self, turn: Turn, received: RunInput) -> CommandReply:
        if isinstance(received, StartRun):
            return await self._start(turn, received)
        run_id = run_of(received)
        found = self._actors.cached(run_id)
        if isinstance(received, TimerFired):
            turn.timer_fired(received.key)
        if found is None:
            if isinstance(received, TimerFired):
                return CommandReply(run_id=run_id, created=False)
            raise _no_run(run_id, received)
        run, plan = found
        if isinstance(received, RetryRun):
            self._registry.check_exists(run.head.workflow)
            _check_retry(run)
            turn.count(TallyKind.RUN, run.head.workflow, "retried")
        if isinstance(received, CancelRun) and run.head.state is not RunState.RUNNING:
            raise Conflict(
                f"the run is already {run.head.state}",
                where=run_id,
                found=run.head.state,
                expected="a running run",
                fix="Nothing is needed: a run that has ended does nothing any more.",
            )
        turn.add(run, plan, self._decided(turn, run, plan, received))
        return CommandReply(run_id=run_id)

    async def _start(self, turn: Turn, command: StartRun) -> CommandReply:
        """Accept a run, once: what a trigger starts is named after its cause, and a run's id is remembered longer
        than the run (I2)."""
        run_id = command.run_id
        command = self._traced(_checked(command))
        if run_id in turn.pruned or self._actors.cached(run_id) is not None:
            return CommandReply(run_id=run_id, created=False)
        by_hand = not command.event_id and (
            command.scheduled_at_us is None or command.trigger in ("", "manual")
        )
        entry = await self._registry.to_start(command.workflow, command.version, by_hand=by_hand)
        params = entry.complete(command)
        run = new_run(entry.plan, command, self._shard, turn.now_us)
        run.head.params = params
        decision = self._decided(turn, run, entry.plan, command)
        self._actors.keep(run, entry.plan)
        turn.add(run, entry.plan, decision)
        metrics.runs_started.add(1, command.workflow)
        turn.count(TallyKind.RUN, command.workflow, "started")
        return CommandReply(run_id=run_id, version=entry.version)

    def _traced(self, command: StartRun) -> StartRun:
        """A run that no traced caller started gets its sampling decision here, once."""
        trace_id = derived_trace_id(command.run_id)
        if command.trace is not None or self._sampled(trace_id):
            return command
        return msgspec.structs.replace(command, trace=TraceContext(trace_id, NO_PARENT, sampled=False))


def _checked(command: StartRun) -> StartRun:
    """A run id goes into keys and headers; a longer trace state than W3C asks to keep does not travel on."""
    if not RUN_ID.fullmatch(command.run_id):
        raise ProtocolError(
            "not a run's id",
            where="run_id",
            found=repr(command.run_id[:80]),
            expected="up to 128 letters, digits, '-' and '_'",
        )
    trace = command.trace
    if trace is None or len(trace.state) <= TRACE_STATE_LENGTH:
        return command
    return msgspec.structs.replace(command, trace=msgspec.structs.replace(trace, state=""))


def _check_retry(run: Run) -> None:
    """Raises Conflict for a run that cannot be retried."""
    state = run.head.state
    if state not in RETRIED:
        raise Conflict(
            "the run goes on" if state is RunState.RUNNING else "the run has succeeded",
            where=run.head.run_id,
            found=state,
            expected="a run that failed or was cancelled",
        )
    if run.open:
        raise Conflict(
            "the run is too old: part of it has been deleted already",
            where=run.head.run_id,
            found=f"{run.open} nodes without a record",
            expected="a run within the time that runs are kept",
            fix="Start a new run with the same params.",
        )


def _no_run(run_id: str, received: RunInput) -> HeadraceError:
    if isinstance(received, CancelRun | RetryRun):
        return NotFound(f"there is no run {run_id}", where="run", found=run_id)
    return ProtocolError(
        "a message names a run that does not exist",
        where="run_id",
        found=run_id,
        expected="a run that the coordinator has accepted",
        code=ErrorCode.PROTOCOL_UNROUTABLE,
    )
