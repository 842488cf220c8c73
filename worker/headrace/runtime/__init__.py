"""The worker: it pulls task messages, runs attempts, and answers with outcomes.

A *delivery* becomes an *attempt* (or is *rejected*: what cannot be understood goes to the coordinator's dead
letters). An attempt is received, started, and finished once; `runner` owns that. It runs in a *lane*, inside
the *middlewares*. Its outcome is published before its message is settled (`outcomes`); until then the message
is *held*, and `leases` keeps telling the bus so.

The worker itself is *running*, then *draining* (nothing new is pulled, the unstarted goes back to the queue
at once, the rest may finish within the grace and goes back after it), then *stopped*. A second stop request
skips the grace. Whatever dies without draining leaves its messages to be delivered again after the ack wait.

Nothing is kept on disk, and nothing but the bus is spoken to. `headrace.runtime.worker` has `Worker` and
`run_worker`; importing this package alone loads neither NATS nor OpenTelemetry, which warm processes thank us
for.
"""

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.middleware import CallNext, Middleware
from headrace.runtime.settings import WorkerSettings

__all__ = ["Attempt", "CallNext", "Middleware", "Produced", "WorkerSettings"]
