"""Breakages of the worker."""

from __future__ import annotations

from headrace.bus import Settlement
from headrace.runtime.runner import Runner
from tests.simulation.mutants.registry import mutant, table

_receive = Runner.receive
_finish = Runner._finish


def _counted_receive(self: Runner, message: object, delivery: object, *, room: bool = True) -> None:
    self._counted = getattr(self, "_counted", 0) + 1  # type: ignore[attr-defined]
    _receive(self, message, delivery, room=room)  # type: ignore[arg-type]


def _counted_finish(self: Runner, attempt: object, failure: object, produced: object = None) -> None:
    if failure is None:
        self._counted = getattr(self, "_counted", 0) - 1  # type: ignore[attr-defined]
    _finish(self, attempt, failure, produced)  # type: ignore[arg-type]


def _counted_free(self: Runner) -> int:
    return self._settings.slots + self._settings.prefetch - getattr(self, "_counted", 0)


table(
    "slots_counted",
    "a worker counts its slots up and down instead of deriving them, and not down for what fails",
    (Runner, "receive", _counted_receive),
    (Runner, "_finish", _counted_finish),
    (Runner, "free", _counted_free),
)


@mutant("a worker settles a task when it gets it, before there is an outcome", (Runner, "receive"))
def task_settled_before_its_outcome(
    self: Runner, message: object, delivery: object, *, room: bool = True
) -> None:
    _receive(self, message, delivery, room=room)  # type: ignore[arg-type]
    self._reports._leases.settle(delivery.reply, Settlement.ACK)  # type: ignore[attr-defined]
