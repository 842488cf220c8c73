"""Attempts from delivery to outcome: slots, lanes, stops."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping

import msgspec

from headrace.authoring.code_hash import code_hash_of
from headrace.bus import Delivery
from headrace.context import running
from headrace.results import ResultStore
from headrace.runtime.attempt import CURRENT, Attempt, Produced, RunnableTask, Stop
from headrace.runtime.bindings import Inputs
from headrace.runtime.failures import AttemptFailed, Failure, failed, failure_of
from headrace.runtime.lanes import Lane
from headrace.runtime.memory_limit import MemoryLimit
from headrace.runtime.middleware import CallNext, Middleware, chain
from headrace.runtime.reports import Reports, why_stopped
from headrace.runtime.settings import WorkerSettings
from headrace.runtime.values import TaskCodec
from headrace_protocol.definition import Isolation
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import CancelAttempts, ReturnReason, TaskMessage
from headrace_protocol.topology import MIN_PAYLOAD_BYTES, inline_bytes

log = logging.getLogger("headrace.worker")

ALWAYS_INLINE_BYTES = inline_bytes(MIN_PAYLOAD_BYTES)
"""A result so small travels in its message whatever the server takes."""
SUSPECTS = 8
"""Processes beyond the warm ones, for tasks that elsewhere run in threads or on the loop and that run alone. When many
workers have died at once there may be as many as there are slots, where memory allows."""
SUSPECT_BYTES = 200_000_000
"""Memory that such a process is thought to need: a quarter of it for Python and the modules of its task."""
ENDED_RUNS = 10_000
"""Cancelled runs that are remembered, for tasks of theirs that are still queued."""


class Runner:
    """Holds the attempts of this worker. Everything here happens on the loop."""

    def __init__(
        self,
        settings: WorkerSettings,
        tasks: Mapping[str, RunnableTask],
        lanes: Mapping[Isolation, Lane],
        store: ResultStore,
        reports: Reports,
        own_process: Isolation | None,
    ) -> None:
        """`own_process` is the lane in which a suspect cannot harm the worker; None where there is none."""
        self._settings = settings
        self._codecs = {name: TaskCodec(task) for name, task in tasks.items()}
        self._codes = {name: code_hash_of(task) for name, task in tasks.items()}
        self._lanes = lanes
        self._store = store
        self._reports = reports
        self._processes = asyncio.Semaphore(settings.processes)
        self._suspects = asyncio.Semaphore(settings.processes + suspects(settings.slots))
        self._awaiting_process = 0
        self._loop = asyncio.get_running_loop()
        self._held: dict[str, Attempt] = {}
        self._waiting: deque[Attempt] = deque()
        self._alone = 0
        """Attempts held that are suspected of having killed their last worker."""
        self._own_process = own_process
        self._unknown: set[str] = set()
        """Tasks that were returned because they are not ours."""
        self._ended_runs: OrderedDict[str, CancelAttempts] = OrderedDict()
        self._perform: CallNext = self._innermost
        self._empty = asyncio.Event()
        self._empty.set()
        self.freed: Callable[[], None] = lambda: None
        """Called when a slot becomes free."""

    def use(self, middlewares: Iterable[Middleware]) -> None:
        self._perform = chain(tuple(middlewares), self._innermost)

    @property
    def held(self) -> Iterable[Attempt]:
        return self._held.values()

    def working_in(self, task: asyncio.Task[object]) -> Attempt | None:
        """The attempt that an asyncio task works for; may be called on another thread."""
        return next((attempt for attempt in list(self._held.values()) if attempt.runner is task), None)

    def free(self) -> int:
        """Slots that nothing occupies. None are free while an attempt waits for a process: more of its kind
        would only be kept from workers that have one."""
        if self._awaiting_process or (self._alone and self._own_process is None):
            return 0
        return self._settings.slots + self._settings.prefetch - len(self._held)

    def receive(self, message: TaskMessage, delivery: Delivery, *, room: bool = True) -> None:
        """Take a delivery in. Without `room` it goes back at once, unless we have its attempt already."""
        known = self._codecs.get(message.task)
        attempt = Attempt(message, known.task if known else None, delivery.reply, delivery.count)
        attempt.code = self._codes.get(message.task, "")
        attempt.isolation = self._isolation(message, attempt.task)
        already = self._held.get(attempt.key)
        if already is not None:
            self._reports.received_again(already, delivery.reply)
            return
        if self._reports.finished_before(attempt):
            return
        if delivery.count > 1:
            self._reports.redelivered(message, delivery)
            return
        self._reports.received(attempt)
        if known is None:
            self._return_unknown(attempt)
            return
        if not room:
            self._reports.returned(attempt, ReturnReason.NO_ROOM)
            return
        self._held[attempt.key] = attempt
        self._alone += message.alone
        self._empty.clear()
        ended = self._ended_runs.get(message.run_id)
        if ended is not None and _before(message, ended):
            self._waiting.append(attempt)
            attempt.reason = ended.reason
            self.stop(attempt, Stop.CANCELLED)
        else:
            self._waiting.append(attempt)
            self._start_waiting()

    def cancel(self, request: CancelAttempts) -> None:
        """A run that is cancelled as a whole is over: its tasks that are still queued are not begun either."""
        if not request.attempts:
            self._ended_runs[request.run_id] = request
            if len(self._ended_runs) > ENDED_RUNS:
                self._ended_runs.popitem(last=False)
        named = {(held.node, held.item, held.attempt) for held in request.attempts}
        for attempt in list(self._held.values()):
            message = attempt.message
            if message.run_id != request.run_id or not _before(message, request):
                continue
            if not named or (message.node, message.item, message.attempt) in named:
                attempt.reason = request.reason
                self.stop(attempt, Stop.CANCELLED)

    def stop(self, attempt: Attempt, why: Stop) -> None:
        """Tell an attempt to stop. One that does not within the grace is abandoned."""
        if attempt.stop is not None or attempt.finished:
            return
        attempt.stop = why
        attempt.context.cancelled = True
        if attempt.runner is None:
            self._waiting.remove(attempt)
            self._finish(attempt, why_stopped(attempt))
            return
        attempt.runner.cancel()
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.timer = self._loop.call_later(self._settings.cancel_grace_s, self._abandon, attempt)

    def _abandon(self, attempt: Attempt) -> None:
        """Tell its end, whatever it still does. A coroutine is cancelled once more: it may have lost the first time
        (see `headrace_protocol.tasks`)."""
        if attempt.runner is not None and attempt.isolation is Isolation.ASYNC:
            attempt.runner.cancel()
        self._finish(attempt, why_stopped(attempt))

    def return_unstarted(self) -> None:
        for attempt in list(self._held.values()):
            if not attempt.started_at_us:
                self.stop(attempt, Stop.DRAIN)

    def return_all(self) -> None:
        for attempt in list(self._held.values()):
            self.stop(attempt, Stop.DRAIN)

    async def empty(self) -> None:
        """Returns when no attempt is held."""
        await self._empty.wait()

    def _start_waiting(self) -> None:
        """Start what waits while there are slots. What must run alone and has no process of its own waits until nothing
        else is held, and holds up what comes behind it."""
        while self._waiting:
            running = len(self._held) - len(self._waiting)
            crowded = running and self._alone and self._own_process is None
            if running >= self._settings.slots or crowded:
                return
            self._start(self._waiting.popleft())

    def _start(self, attempt: Attempt) -> None:
        attempt.runner = self._loop.create_task(self._work(attempt))

    def _return_unknown(self, attempt: Attempt) -> None:
        """Somebody else of the queue may have the task: the coordinator finds out who."""
        failure = self._unknown_task(attempt.message)
        if attempt.message.task not in self._unknown:
            self._unknown.add(attempt.message.task)
            log.warning("%s; it is returned, for a worker that has it", failure.error.message)
        self._reports.returned(attempt, ReturnReason.UNKNOWN_TASK, failure)

    async def _work(self, attempt: Attempt) -> None:
        CURRENT.set(attempt)
        produced: Produced | None = None
        failure: Failure | None = None
        try:
            with running(attempt.context):
                if attempt.isolation in (Isolation.PROCESS, Isolation.FRESH):
                    produced = await self._with_process(attempt)
                else:
                    produced = await self._go(attempt)
        except BaseException as error:  # an attempt's end, whatever it raises, is never the worker's
            failure = failure_of(error)
        CURRENT.set(None)
        if attempt.stop is not None:
            self._finish(attempt, why_stopped(attempt))
        else:
            self._finish(attempt, failure, produced)

    async def _with_process(self, attempt: Attempt) -> Produced:
        processes = self._processes
        if attempt.message.isolation in (Isolation.PROCESS, Isolation.FRESH):
            self._awaiting_process += 1
            try:
                await processes.acquire()
            finally:
                self._awaiting_process -= 1
                self.freed()
        else:  # it is in a process because it may have killed its last worker, not because it needs a processor
            processes = self._suspects
            await processes.acquire()
        try:
            async with self._lanes[attempt.isolation].reserved(attempt):
                return await self._go(attempt)
        finally:
            processes.release()

    async def _go(self, attempt: Attempt) -> Produced:
        attempt.begin()
        self._reports.started(attempt)
        limit_us, why = attempt.context.deadline_us, attempt.limit
        if limit_us is not None:
            left_s = (limit_us - attempt.started_at_us) / 1e6
            if left_s <= 0:
                attempt.stop = why
                raise asyncio.CancelledError
            attempt.timer = self._loop.call_later(left_s, self.stop, attempt, why)
        return await self._perform(attempt)

    async def _innermost(self, attempt: Attempt) -> Produced:
        message = attempt.message
        known = self._codecs.get(message.task)
        if known is None:
            raise AttemptFailed(self._unknown_task(message))
        inputs = await Inputs(message, self._store).resolve()
        lane = self._lanes[attempt.isolation]
        produced = await lane.run(attempt, known, inputs)
        body = memoryview(produced.raw)
        if body.nbytes <= ALWAYS_INLINE_BYTES or body.nbytes <= self._store.inline_bytes():
            return produced
        stored = await self._store.put(attempt.key, body)
        return msgspec.structs.replace(produced, stored=stored)

    def _isolation(self, message: TaskMessage, task: RunnableTask | None) -> Isolation:
        if message.alone and self._own_process is not None:
            return self._own_process  # it may have killed its last worker
        if message.isolation is Isolation.ASYNC and task is not None and not task.is_async:
            # The workflow was deployed while the function was async; on the loop it would block it now.
            return Isolation.THREAD
        return message.isolation

    def _unknown_task(self, message: TaskMessage) -> Failure:
        return failed(
            ErrorCode.TASK_UNKNOWN,
            f"this worker does not have the task {message.task!r}",
            where=f"worker {self._reports.worker}, queue {message.queue}",
            found=f"{', '.join(sorted(self._codecs)) or 'no tasks'} from {', '.join(self._settings.targets)}",
            expected=message.task,
        )

    def _finish(self, attempt: Attempt, failure: Failure | None, produced: Produced | None = None) -> None:
        """The first end counts. With neither failure nor result the task goes back to the queue."""
        if attempt.finished:
            return
        attempt.finished = True
        if attempt.timer is not None:
            attempt.timer.cancel()
        del self._held[attempt.key]
        self._alone -= attempt.message.alone
        if failure is not None:
            self._reports.failed(attempt, failure)
        elif produced is not None:
            self._reports.succeeded(attempt, produced)
        else:
            self._reports.returned(attempt, ReturnReason.DRAIN)
        if not self._held:
            self._empty.set()
        if self._waiting:
            self._start_waiting()
        self.freed()


def suspects(slots: int, memory_bytes: int | None = None) -> int:
    """How many tasks may run alone at once; `memory_bytes` is all that there is, by default what the worker may use."""
    limit = memory_bytes or MemoryLimit().limit_bytes() or 0
    return max(SUSPECTS, min(slots, limit // SUSPECT_BYTES))


def _before(message: TaskMessage, request: CancelAttempts) -> bool:
    """Whether a task was queued before its run ended, not by a retry since. (Clocks may be set back.)"""
    return bool(request.attempts) or message.retries <= request.retries
