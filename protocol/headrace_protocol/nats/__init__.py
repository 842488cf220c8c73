"""How both sides speak to a NATS server: nats-py, with a direct line for what is frequent.

nats-py gives every subscription a queue and a task, and every write a hop through its flusher: fine for requests,
and more than half of what a step costs when thousands of messages pass. `Connection` is nats-py's client (connecting,
reconnecting, TLS, credentials, JetStream's API are its own), in which

- a *listener* is called as soon as the parser has its message, in the loop tick that read it; in a flood, others get
  their turn in between;
- what is *sent* in one tick leaves in one write at its end, and sooner when there is much.

`frames` is the codec of the two, without I/O; `Confirmations` are what streams answer; `Objects` are buckets of the
object store, as streams of chunks.
"""

from headrace_protocol.nats.confirmations import Confirmations
from headrace_protocol.nats.connection import Complaints, Connection, check_payload, why_not
from headrace_protocol.nats.object_pull import ObjectGone, ObjectsError
from headrace_protocol.nats.objects import Objects

__all__ = [
    "Complaints",
    "Confirmations",
    "Connection",
    "ObjectGone",
    "Objects",
    "ObjectsError",
    "check_payload",
    "why_not",
]
