"""Tests of workflows: as plain functions, or in this process in virtual time with real faults.

    from headrace.testing import Environment

    def test_an_order_survives_the_death_of_its_worker() -> None:
        with Environment(fulfil) as env:
            env.faults.kill_worker(task="price", attempt=1)
            assert env.run(fulfil, number=7, skus=["tea"]).output == "order 7: 4.50"

An `Environment` is *open* inside its `with`. It is a `site`: a `loop` in virtual time, on which the coordinator and
the workers live as `programs` that may be killed or paused, over a store and a bus in memory. Tasks run in `lockstep`
with it. `faults` happen at `points` in the life of an attempt, or to messages on their way. What a test sees of a run
(`runs`, `traces`, `stories`) is read from the store when it is asked for.

The coordinator is reached through one import, `headrace_coordinator.local`, when an environment opens.
"""

from headrace.testing.asynchronous import AsyncEnvironment
from headrace.testing.environment import START, Environment
from headrace.testing.errors import FaultUnused, NothingFound, RunNotSucceeded, RunStuck
from headrace.testing.faults import Faults
from headrace.testing.plain import attempt
from headrace.testing.runs import Attempt, Attempts, Line, Node, Run, State
from headrace.testing.traces import Span, Trace

__all__ = [
    "START",
    "AsyncEnvironment",
    "Attempt",
    "Attempts",
    "Environment",
    "FaultUnused",
    "Faults",
    "Line",
    "Node",
    "NothingFound",
    "Run",
    "RunNotSucceeded",
    "RunStuck",
    "Span",
    "State",
    "Trace",
    "attempt",
]
