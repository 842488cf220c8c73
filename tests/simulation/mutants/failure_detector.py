"""Breakages of what tells lost attempts from those that only look lost: workers, failure detector, engine."""

from __future__ import annotations

import msgspec

from headrace.bus import Delivery, Message, Settlement
from headrace.runtime.attempt import Attempt
from headrace.runtime.failures import Failure
from headrace.runtime.redeliveries import Redeliveries
from headrace.runtime.reports import Reports
from headrace.runtime.runner import Runner
from headrace_coordinator.engine.effects import Dispatch
from headrace_coordinator.engine.inputs import AttemptLost
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import dispatch, loss, mapping, outcome, unlock
from headrace_coordinator.engine.transitions.dispatch import holder_of
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.failure_detector import FailureDetector, _Suspicion
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.service import shards
from headrace_protocol.codec import decode
from headrace_protocol.definition import Priority
from headrace_protocol.deliveries import Redundant
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import Outcome, OutcomeState, ReturnReason, TaskMessage
from tests.simulation.mutants.registry import mutant, nothing, table

replace = msgspec.structs.replace

# -- what is returned ------------------------------------------------------------------------------


@mutant("a worker gives a task back with a bare NAK", (Reports, "returned"))
def returned_by_nak(
    self: Reports, attempt: Attempt, reason: ReturnReason, failure: Failure | None = None
) -> None:
    self._leases.settle(attempt.reply, Settlement.NAK)


@mutant("an attempt that its worker returns is charged as lost", (loss, "returned"))
def returned_is_charged(t: Transition, returned: Outcome) -> None:
    lost = AttemptLost(
        run_id=returned.run_id,
        node=returned.node,
        item=returned.item,
        attempt=returned.attempt,
        worker=returned.worker,
        silent_s=0.0,
        started_at_us=returned.started_at_us,
        charged=True,
    )
    loss.lost(t, lost)


@mutant("an attempt that its worker returns is followed by the next", (loss, "returned"))
def returned_gets_a_new_number(t: Transition, returned: Outcome) -> None:
    if returned.item is None:
        unlock.resume(t, returned.node)
    else:
        mapping.again(t, returned.node, returned.item)


# -- what is delivered again -----------------------------------------------------------------------

_receive = Runner.receive
_apply = outcome.apply


@mutant("a worker starts a message that comes again, as if it came the first time", (Runner, "receive"))
def redelivered_started_at_once(
    self: Runner, message: TaskMessage, delivery: Delivery, *, room: bool = True
) -> None:
    _receive(self, message, replace(delivery, count=1), room=room)


@mutant("an answer about one dispatch of an attempt settles all of them", (Redeliveries, "_answered"))
def answer_ignores_the_dispatch(self: Redeliveries, message: Message) -> None:
    answer = decode(message.body, Redundant)
    for key in [key for key in self._held if key[0] == answer.key]:
        self._leases.settle(self._held.pop(key)[2], Settlement.ACK)


table(
    "copy_not_settled",
    "the worker that holds a copy is never answered",
    (FailureDetector, "_answer", nothing),
)


@mutant("whatever is delivered again is charged", (FailureDetector, "_decide"))
async def delivery_count_charged(self: FailureDetector, suspicion: _Suspicion) -> bool:
    lost = replace(self._loss(suspicion.key, suspicion.told), charged=True)
    await self._shards.ask(suspicion.shard, Envelope(inputs=(lost,)))
    self._answer(suspicion)
    return True


@mutant("what a foreign worker says it got more than once is charged", (outcome, "apply"))
def foreign_delivery_count_charged(t: Transition, reported: Outcome) -> None:
    holds = outcome.holds_fence(t, reported.node, reported.item, reported.attempt)
    if holds and reported.delivery > 1 and reported.state is OutcomeState.FAILED:
        holder = holder_of(t.touch(reported.node), reported.item)
        holder.losses = (*holder.losses, reported.attempt)
    _apply(t, reported)


# -- who is asked and waited for -------------------------------------------------------------------

_decide = FailureDetector._decide
_holds_fence = outcome.holds_fence


async def _true(*_: object) -> bool:
    return True


table(
    "living_holder_not_believed",
    "the copy of an attempt that a living worker names is judged all the same",
    (Fleet, "named_since", lambda *_: False),
)
table(
    "silent_workers_not_waited_for",
    "it is decided before all workers have told, or have been silent for long enough",
    (Fleet, "all_told", lambda *_: True),
)
table(
    "silence_counted_while_nobody_is_heard",
    "workers fall silent while NATS or the coordinator is away",
    (Fleet, "_now", lambda self: self._clock.monotonic()),
)
table(
    "outcomes_not_waited_for",
    "it is decided before the outcomes that are on the bus are applied",
    (FailureDetector, "_told_before_is_committed", _true),
)


@mutant("a coordinator goes on suspecting attempts of shards that it lost", (FailureDetector, "_decide"))
async def suspicions_of_lost_shards_kept(self: FailureDetector, suspicion: _Suspicion) -> bool:
    try:
        return await _decide(self, suspicion)
    except Unavailable:
        return False


# -- what is charged -------------------------------------------------------------------------------


@mutant("the outcome of an attempt that was charged as lost counts", (outcome, "holds_fence"))
def lost_not_fenced(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    if _holds_fence(t, name, item, attempt):
        return True
    node = t.run.nodes[name]
    known = item is None or (node.map is not None and item in node.map.items)
    holder = holder_of(node, item) if known else None
    return holder is not None and attempt in holder.losses and _holds_fence(t, name, item, holder.attempt)


table(
    "charge_not_withdrawn",
    "an attempt stays charged as lost although its worker tells its end",
    (loss, "lived_on", nothing),
)


@mutant("a suspect is dispatched like any other attempt", (dispatch, "Dispatch"))
def suspect_not_marked(message: TaskMessage, priority: Priority) -> Dispatch:
    return Dispatch(replace(message, alone=False), priority)


@mutant("a worker runs a suspect beside other attempts", (Runner, "receive"))
def suspect_not_alone(self: Runner, message: TaskMessage, delivery: Delivery, *, room: bool = True) -> None:
    _receive(self, replace(message, alone=False), delivery, room=room)


# -- what a coordinator starts with ----------------------------------------------------------------


@mutant("a shard starts without the bounds of its queues that are stored", (shards, "ReadyLine"))
def stored_bounds_ignored(_: object) -> ReadyLine:
    return ReadyLine({})
