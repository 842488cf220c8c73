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

import msgspec

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.service.catalog import Catalog
from headrace_coordinator.service.failures import raised
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store.records import EventRecord, Hold, WorkflowState
from headrace_coordinator.triggers.events import Matcher
from headrace_coordinator.triggers.intake import Intake
from headrace_protocol.cloudevent import STRUCTURED, decode_http
from headrace_protocol.definition import EventTrigger, Trigger, WorkflowDefinition
from headrace_protocol.errors import HeadraceError
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
                # What was matched before is in the store then.
                raised(await self._shards.ask(shard, Envelope(after_all=True)))
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
        intake = Intake(matcher, self._shards, self._clock)
        takings = []
        for record in records:
            if record.type == trigger.type:
                headers = {"Content-Type": STRUCTURED}
                arrived = Incoming(self._subjects.event(record.type), headers, record.data)
                event = decode_http({"content-type": STRUCTURED}, record.data)[0]
                takings.append(intake.taking(event, arrived))
        await intake.take(takings)


def _without(state: WorkflowState, trigger: str) -> WorkflowState:
    holds = {name: hold for name, hold in state.holds.items() if name != trigger}
    return msgspec.structs.replace(state, holds=holds)


def _at(state: WorkflowState, trigger: str, hold: Hold, position: int) -> WorkflowState:
    moved = msgspec.structs.replace(hold, position=position)
    return msgspec.structs.replace(state, holds={**state.holds, trigger: moved})
