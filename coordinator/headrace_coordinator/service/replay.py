"""A paused trigger keeps what arrives: the store has every event, and the trigger knows behind which one it stopped.

So nothing waits on the bus for it, and other workflows are not held up. When it is resumed, the events behind that
place are matched again, in the order in which they came, and start their runs; how far that has got is stored after
each page. A run is named after its event, so a page that is given again after a crash starts nothing twice (I2).
Events are kept for a trigger as long as retention keeps events.

Its last page is read when the trigger listens again: what arrives meanwhile starts its run by the usual way, or by
this one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

import msgspec

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import dead_letter
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.records import DeadLetter, EventRecord, Hold, Transaction, WorkflowState
from headrace_coordinator.triggers.events import Matcher
from headrace_protocol.cloudevent import STRUCTURED, decode_http
from headrace_protocol.definition import EventTrigger, Trigger, WorkflowDefinition
from headrace_protocol.errors import HeadraceError
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import StartRun
from headrace_protocol.subjects import Subjects
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.replay")
PAGE = 256
RETRY_S = 1.0


class Replayer:
    """Gives resumed triggers what was kept for them."""

    def __init__(self, catalog: Catalog, shards: ShardSet, subjects: Subjects, clock: Clock) -> None:
        self._catalog = catalog
        self._registry = catalog.registry
        self._shards = shards
        self._subjects = subjects
        self._clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._wake.set()  # what a predecessor was giving
        self._task = asyncio.create_task(self._run(), name="replay of paused triggers")

    async def stop(self) -> None:
        await end(self._task)

    def wake(self) -> None:
        """A trigger was resumed."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for workflow, trigger in self._resuming():
                while True:
                    try:
                        async with self._catalog.changing:
                            if not await self._step(workflow, trigger):
                                break
                    except HeadraceError as error:
                        log.error("the trigger %s/%s cannot be resumed now: %s", workflow, trigger, error)
                        await self._clock.sleep(RETRY_S)

    def _resuming(self) -> list[tuple[str, str]]:
        return [
            (state.workflow, trigger)
            for state in self._registry.states()
            for trigger, hold in state.holds.items()
            if hold.resuming
        ]

    async def _step(self, workflow: str, trigger_id: str) -> bool:
        """Give a trigger one page; False when there is nothing left to give."""
        state = self._registry.state(workflow)
        hold = state.holds.get(trigger_id)
        if hold is None or not hold.resuming:
            return False
        definition = (await self._registry.entry(workflow)).definition
        trigger = next(one for one in definition.triggers if one.id == trigger_id)
        if not isinstance(trigger, EventTrigger):
            await self._catalog.commit(states=(_without(state, trigger_id),))
            return False
        records = await self._catalog.store.events_after(hold.position, PAGE)
        await self._start_runs(definition, trigger, records)
        if len(records) == PAGE:
            await self._catalog.commit(states=(_at(state, trigger_id, hold, records[-1].position),))
            return True
        position = records[-1].position if records else hold.position
        await self._finish(definition, trigger, state, position)
        return False

    async def _finish(
        self, definition: WorkflowDefinition, trigger: EventTrigger, state: WorkflowState, position: int
    ) -> None:
        """The trigger listens again first, so that nothing falls between the last page and the next event."""
        over = _without(state, trigger.id)
        self._registry.ordered(over)
        self._catalog.refresh()
        try:
            for shard in range(self._shards.count):
                raised(
                    await self._shards.ask(shard, Envelope())
                )  # what was matched before is in the store then
            while records := await self._catalog.store.events_after(position, PAGE):
                await self._start_runs(definition, trigger, records)
                position = records[-1].position
            await self._catalog.commit(states=(over,))
        except BaseException:
            self._registry.ordered(state)
            self._catalog.refresh()
            raise

    async def _start_runs(
        self, definition: WorkflowDefinition, trigger: EventTrigger, records: Sequence[EventRecord]
    ) -> None:
        """Start what these events start, and note it with them."""
        matcher = Matcher(self._subjects.namespace, self._clock.now_us)
        only: tuple[Trigger, ...] = (trigger,)
        matcher.rebuild([msgspec.structs.replace(definition, triggers=only)])
        envelopes: dict[int, Envelope] = {}
        notes: dict[int, list[EventRecord]] = {}
        for record in records:
            if record.type != trigger.type:
                continue
            event = decode_http({"content-type": STRUCTURED}, record.data)[0]
            match = matcher.match(event)
            letters = tuple(self._letter(record, error, place) for place, error in match.failures)
            for shard, starts in self._by_shard(match.starts):
                envelopes.setdefault(shard, Envelope()).inputs += starts
                runs = tuple(start.run_id for start in starts)
                notes.setdefault(shard, []).append(msgspec.structs.replace(record, runs=runs, position=0))
            if letters:
                envelopes.setdefault(0, Envelope()).dead += letters
        for shard, noted in notes.items():
            envelopes[shard].write = partial(_note, noted)
        await asyncio.gather(*(self._shards.ask(shard, envelope) for shard, envelope in envelopes.items()))

    def _by_shard(self, starts: Sequence[StartRun]) -> list[tuple[int, tuple[StartRun, ...]]]:
        return [(shard_of(start.run_id, self._shards.count), (start,)) for start in starts]

    def _letter(self, record: EventRecord, error: HeadraceError, place: str) -> DeadLetter:
        message = Incoming(self._subjects.event(record.type), {"Content-Type": STRUCTURED}, record.data, "")
        return dead_letter(message, error, self._clock.now_us(), also=place)


def _note(records: list[EventRecord], transaction: Transaction) -> None:
    transaction.events += records


def _without(state: WorkflowState, trigger: str) -> WorkflowState:
    holds = {name: hold for name, hold in state.holds.items() if name != trigger}
    return msgspec.structs.replace(state, holds=holds)


def _at(state: WorkflowState, trigger: str, hold: Hold, position: int) -> WorkflowState:
    moved = msgspec.structs.replace(hold, position=position)
    return msgspec.structs.replace(state, holds={**state.holds, trigger: moved})
