"""Where a task's function runs: on the loop, in a thread, in a warm process, or in a process of its own.

One contract: `run` decodes the inputs, calls the function, encodes the result, and raises what the function
raised. Cancelling `run` stops the work as far as its lane can: an async task is cancelled at its next
await, a thread is *abandoned* (its result is dropped when it comes, and `context().cancelled` tells it so),
a process is interrupted, then killed with everything that it started.
"""

from headrace.runtime.lanes.inline import InlineLane
from headrace.runtime.lanes.port import Lane
from headrace.runtime.lanes.processes import ProcessLane, Reporting
from headrace.runtime.lanes.threads import ThreadLane

__all__ = ["InlineLane", "Lane", "ProcessLane", "Reporting", "ThreadLane"]
