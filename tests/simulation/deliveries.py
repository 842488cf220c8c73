"""Rules about task messages on the bus: each is executed at most once, and settled when, and only when, it may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from headrace_coordinator.bus.memory.streams import Stored
from headrace_protocol.codec import decode
from headrace_protocol.deliveries import Redundant
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Outcome, OutcomeBatch, OutcomeState, TaskMessage
from tests.simulation.journal import Journal

Key = tuple[str, str, int | None]
"""Run, node, item."""


class Deliveries:
    """The books of what the bus has, and of what is told to it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._messages: dict[str, int] = defaultdict(int)
        """By attempt: task messages that have come to the bus."""
        self._executions: dict[str, int] = defaultdict(int)
        self._ended: set[str] = set()
        """Attempts whose outcome has come to the bus."""
        self._returned: set[tuple[str, int]] = set()
        self._answered: set[tuple[str, int]] = set()
        """Attempts and dispatches that a coordinator has called redundant."""
        self.renumbered = False
        """The bus has forgotten messages and deliveries, and uses their numbers again: what is settled may be another
        message, and what comes for the first time may have come before."""

    def stored(self, subject: str, body: bytes) -> None:
        """The bus has a message."""
        task = task_in(subject, body)
        if task is not None:
            self._messages[_name(task)] += 1
        for outcome in outcomes_in(subject, body):
            if outcome.state is OutcomeState.RETURNED:
                self._returned.add((_name(outcome), outcome.dispatch))
            else:
                self._ended.add(_name(outcome))

    def answered(self, body: bytes) -> None:
        """A coordinator tells a worker that a message is redundant."""
        answer = decode(body, Redundant)
        self._answered.add((answer.key, answer.dispatch))

    def executed(self, name: str) -> None:
        """A worker executes an attempt that it was sent."""
        self._executions[name] += 1
        executions, messages = self._executions[name], self._messages[name]
        self._journal.require(
            executions <= messages or self.renumbered,
            "redelivery",
            f"{name} is executed {executions} times, and was sent {messages} times",
        )

    def settled(self, message: Stored | None, delivery: int, verdict: bytes) -> None:
        """The bus is told what has become of its `delivery`-th delivery of a message."""
        task = None if message is None else task_in(message.subject, message.body)
        if task is None:
            return
        name = _name(task)
        if verdict == b"-NAK":
            self._journal.require(delivery > 1, "redelivery", f"{name} is given back, and looks lost now")
        elif not self.renumbered:
            told = name in self._ended
            told = told or not {(name, task.dispatch)}.isdisjoint(self._returned | self._answered)
            self._journal.require(
                told, "redelivery", f"{name} (dispatch {task.dispatch}) is settled, and nobody knows its end"
            )

    def unsettled(self, messages: Iterable[Stored]) -> list[str]:
        """What is still on the bus, in words."""
        tasks = (task_in(message.subject, message.body) for message in messages)
        return [f"the task message of {_name(task)} is not settled" for task in tasks if task is not None]


def _name(named: TaskMessage | Outcome) -> str:
    return attempt_key(named.run_id, named.node, named.item, named.attempt)


def task_in(subject: str, body: bytes) -> TaskMessage | None:
    if ".task." not in subject:
        return None
    try:
        return decode(body, TaskMessage)
    except ProtocolError:
        return None


def outcomes_in(subject: str, body: bytes) -> tuple[Outcome, ...]:
    if ".in." not in subject or ".outcome." not in subject:
        return ()
    try:
        return decode(body, OutcomeBatch).outcomes
    except ProtocolError:
        return ()
