"""The world around the engine, as a model: workers, a bus, a store of results and a clock.

They obey no more than their contracts: a message may be late, lost or repeated, a stored result may be gone.
"""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import (
    Collect,
    TimerKey,
)
from headrace_coordinator.engine.inputs import AttemptLost, Collected, OutcomeReceived, TimerFired
from headrace_coordinator.engine.state import RunState
from headrace_protocol.codec import raw
from headrace_protocol.definition import Output, Path
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import (
    Outcome,
    OutcomeState,
    Result,
    RetryAdvice,
    Stored,
    TaskMessage,
)
from tests.engine.books import Books, look
from tests.engine.strategies import ERROR_KINDS


class World(Books):
    """One run and everything around it."""

    def value_of(self, message: TaskMessage, length: int) -> object:
        """A result of the kind that the nodes behind this one map over."""
        name, here = message.node, f"{message.node}/{message.item}/{message.attempt}"
        paths = self.plan.nodes[name].counts
        items = [f"{here}/{index}" for index in range(length)]
        if message.item is not None:
            return items if any(paths) else here
        if () in paths:
            return items
        return {"rows": items} if paths else here

    def succeed(
        self, message: TaskMessage, *, length: int = 3, keep: bool = False, value: object = ...
    ) -> None:
        """A worker does what a message asks for: reads its inputs, and says when one is gone."""
        gone = self._gone(message)
        if gone:
            self.fail(message, code=ErrorCode.TASK_INPUT_LOST, lost_input=gone)
            return
        value = self.value_of(message, length) if value is ... else value
        result = Result(raw(value))
        if keep:
            uri = f"nats://results/{message.node}/{message.item}/{message.attempt}"
            self.vault[uri] = value
            result = Result(stored=Stored(uri, 1, "d"))
        self.report(message, OutcomeState.SUCCEEDED, result=result, counts=_lengths(value, message.counts))

    def _gone(self, message: TaskMessage) -> str:
        given = dict(message.inputs)
        over = self.plan.nodes[message.node].definition.map
        if message.item_input is not None and over is not None and isinstance(over.over, Output):
            given[over.over.node] = Result(stored=message.item_input.stored)
        lost = (n for n, r in given.items() if r.stored is not None and r.stored.uri not in self.vault)
        return next(lost, "")

    def fail(
        self,
        message: TaskMessage,
        *,
        code: ErrorCode = ErrorCode.TASK_FAILED,
        advice: RetryAdvice = RetryAdvice.POLICY,
        after_s: float | None = None,
        kinds: tuple[str, ...] = ERROR_KINDS[0],
        lost_input: str = "",
    ) -> None:
        error = ErrorInfo(code=code, message="no")
        self.report(
            message,
            OutcomeState.FAILED,
            error=error,
            advice=advice,
            retry_after_s=after_s,
            error_kinds=kinds,
            lost_input=lost_input,
        )

    def lose(self, node: str, item: int | None, attempt: int, *, charged: bool = True) -> None:
        """The worker of an attempt is not heard of any more."""
        self.step(
            AttemptLost(
                run_id="r", node=node, item=item, attempt=attempt, worker="w", silent_s=19.0, charged=charged
            )
        )

    def report(self, message: TaskMessage, state: OutcomeState, **what: object) -> None:
        outcome = Outcome(
            **{
                "run_id": "r",
                "node": message.node,
                "item": message.item,
                "attempt": message.attempt,
                "state": state,
                "started_at_us": self.now_us,
                "finished_at_us": self.now_us,
                "worker": "w",
                **what,
            }
        )
        self.outcomes.append(outcome)
        self.step(OutcomeReceived(outcome))

    def collect(self, effect: Collect) -> None:
        """The shell puts a map's results together, or finds that some are gone."""
        self.collects.remove(effect)
        results = [self.won[effect.node, index] for index in range(effect.total)]
        lost = tuple(
            i for i, r in enumerate(results) if r.stored is not None and r.stored.uri not in self.vault
        )
        if lost:
            done = Collected("r", effect.node, lost=lost)
        else:
            value = [
                msgspec.msgpack.decode(r.value) if r.stored is None else self.vault[r.stored.uri]
                for r in results
            ]
            counts = _lengths(value, self.plan.nodes[effect.node].counts)
            done = Collected("r", effect.node, self._kept(effect, value), counts)
        self.old_collected.append(done)
        self.step(done)

    def _kept(self, effect: Collect, value: object) -> Result:
        if effect.total < 2:  # as with real results: some are too large for a message, some are not
            return Result(raw(value))
        uri = f"nats://results/{effect.node}/collected"
        self.vault[uri] = value
        return Result(stored=Stored(uri, 1, "d"))

    def fire(self, key: TimerKey) -> None:
        """A timer fires when it is due."""
        due_us = self.timers[key]
        self.now_us = max(self.now_us, due_us)
        self.step(TimerFired(key, due_us))

    def finish_fairly(self, most_steps: int = 3_000) -> None:
        """From here on everything works; the run must come to its end."""
        for _ in range(most_steps):
            self.now_us += 1
            if self.run.head.state is not RunState.RUNNING:
                return
            if self.collects:
                self.collect(self.collects[0])
            elif self.live:
                self.succeed(self.sent[min(self.live, key=lambda key: (key[0], key[1] or 0))])
            else:
                self.fire(min((k for k in self.timers if k.kind == "retry"), key=lambda k: self.timers[k]))
        raise AssertionError("a run that everybody works for does not end")


def _lengths(value: object, paths: tuple[Path, ...]) -> tuple[int, ...]:
    found = [look(value, path) for path in paths]
    return tuple(len(at) if isinstance(at, list) else -1 for at in found)
