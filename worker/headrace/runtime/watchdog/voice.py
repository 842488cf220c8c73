"""What the watchdog says on the bus in the worker's place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from headrace.bus import BusError, Settlement
from headrace.bus.nats_bus import NatsBus, connect
from headrace.runtime.attempt import Stop, now_us
from headrace.runtime.failures import failed
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.watchdog.board import Held
from headrace_protocol import codec, headers
from headrace_protocol.errors import ErrorCode, HeadraceError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import (
    Heartbeat,
    HeldAttempt,
    LogBatch,
    LogLine,
    Outcome,
    OutcomeBatch,
    OutcomeState,
    ReturnReason,
)

_HEADERS = headers.make()
PUBLISH_S = 3.0
"""How long the bus may take to confirm an outcome before it is published again."""


class Voice:
    """A connection to the bus, made when it is needed."""

    def __init__(self, worker: str, settings: WorkerSettings) -> None:
        self._worker = worker
        self._settings = settings
        self._subjects = settings.topology.subjects
        self._bus: NatsBus | None = None
        self._same = True
        """Whether the connection has held since it was made: a bus that was away may have lost everything, and would
        take what is said of an old message for another's."""

    @property
    def connected(self) -> bool:
        return self._bus is not None and self._bus.connected

    async def connect(self) -> str:
        """Returns why there is no connection; empty when there is one."""
        if self._bus is not None:
            return "" if self._bus.connected else "the connection is lost"
        options = msgspec.structs.replace(self._settings.bus, name=f"{self._settings.bus.name}-watchdog")
        try:
            self._bus = await connect(options)
        except HeadraceError as error:
            return error.message
        self._bus.on_disconnect(self._lost)
        self._same = True
        return ""

    def _lost(self) -> None:
        self._same = False

    async def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            await bus.close()

    def keep(self, held: Sequence[Held]) -> None:
        """Keep the leases."""
        if self._bus is not None and self._bus.connected and self._same:
            for one in held:
                self._bus.settle(one.entry.reply, Settlement.PROGRESS)

    def beat(self, last: Heartbeat | None, held: Sequence[Held], *, stopped: bool = False) -> None:
        """The worker's heartbeat."""
        if last is None or self._bus is None or not self._bus.connected:
            return
        named = () if stopped else tuple(_named(one) for one in held if one.started_s)
        pending = () if stopped else tuple(_key(one) for one in held if not one.started_s)
        beat = msgspec.structs.replace(last, at_us=now_us(), held=named, pending=pending, stopped=stopped)
        self._bus.send(self._subjects.heartbeat, codec.encode(beat), headers=_HEADERS)

    def tell(self, one: Held, message: str) -> None:
        """A line in the log of an attempt."""
        if self._bus is None or not self._bus.connected:
            return
        entry = one.entry
        line = LogLine(
            run_id=entry.run_id,
            node=entry.node,
            item=entry.item,
            attempt=entry.attempt,
            at_us=now_us(),
            level="warning",
            message=message,
            logger="headrace.worker",
        )
        batch = LogBatch(worker=self._worker, lines=(line,))
        self._bus.send(self._subjects.log(entry.queue), codec.encode(batch), headers=_HEADERS)

    async def give_up(
        self, late: Sequence[Held], returned: Sequence[Held], stack: str, blocked_s: float
    ) -> bool:
        """Publish how everything that is held ended, and settle it. False when the bus does not confirm it now."""
        ended = [(one, self._failed(one, stack, blocked_s)) for one in late]
        ended += [(one, self._outcome(one, OutcomeState.RETURNED)) for one in returned]
        by_subject: dict[str, list[tuple[Held, Outcome]]] = {}
        for one, outcome in ended:
            subject = self._subjects.input(one.entry.shard, "outcome", one.entry.queue)
            by_subject.setdefault(subject, []).append((one, outcome))
        try:
            for subject, entries in by_subject.items():
                await self._publish(subject, entries)
        except (BusError, TimeoutError):
            return False
        return True

    async def _publish(self, subject: str, entries: list[tuple[Held, Outcome]]) -> None:
        if self._bus is None:
            raise BusError("not connected")
        body = codec.encode(OutcomeBatch(tuple(outcome for _, outcome in entries)))
        await asyncio.wait_for(self._bus.publish(subject, body, _HEADERS), PUBLISH_S)
        if self._same:
            for one, _ in entries:
                self._bus.settle(one.entry.reply, Settlement.ACK)
        with suppress(BusError):
            await self._bus.flush()

    def _failed(self, one: Held, stack: str, blocked_s: float) -> Outcome:
        if one.limit is Stop.DEADLINE:
            code, what = ErrorCode.RUN_DEADLINE, "the run's deadline has passed"
        else:
            code, what = (
                ErrorCode.TASK_TIMEOUT,
                f"the attempt took longer than {one.entry.timeout_s or 0:g} s",
            )
        failure = failed(
            code,
            f"{what}, and blocked the worker's event loop for {blocked_s:.1f} s: the worker was ended",
            like=TimeoutError,
        )
        error = msgspec.structs.replace(failure.error, fix=FIX, traceback=stack)
        outcome = self._outcome(one, OutcomeState.FAILED)
        return msgspec.structs.replace(outcome, error=error, error_kinds=failure.kinds)

    def _outcome(self, one: Held, state: OutcomeState) -> Outcome:
        entry, now = one.entry, now_us()
        return Outcome(
            run_id=entry.run_id,
            node=entry.node,
            item=entry.item,
            attempt=entry.attempt,
            state=state,
            started_at_us=_wall_us(one.started_s) if one.started_s else now,
            finished_at_us=now,
            worker=self._worker,
            queued_at_us=entry.queued_at_us,
            delivery=entry.delivery,
            dispatch=entry.dispatch,
            reason=ReturnReason.DRAIN if state is OutcomeState.RETURNED else None,
        )


FIX = (
    'Write the task as a plain `def`, which runs in a thread, or with isolation="process"; in an `async def`, await '
    "what waits, and move what computes into asyncio.to_thread."
)


def _named(one: Held) -> HeldAttempt:
    entry = one.entry
    return HeldAttempt(
        run_id=entry.run_id,
        node=entry.node,
        item=entry.item,
        attempt=entry.attempt,
        started_at_us=_wall_us(one.started_s),
    )


def _key(one: Held) -> str:
    entry = one.entry
    return attempt_key(entry.run_id, entry.node, entry.item, entry.attempt)


def _wall_us(monotonic_s: float) -> int:
    return now_us() - int((time.monotonic() - monotonic_s) * 1e6)
