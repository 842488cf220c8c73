"""One confirmation for many messages.

A stream confirms each message by itself, which costs the publisher as much as sending it. Messages that each ask for
the one before to be the stream's last stand or fall together: when the last one is confirmed, so are all. That is
the stream's own check, in a cluster too, where it is made when messages are applied; it needs no promise that nobody
else publishes.

It holds for messages that are new. Of one that is in the stream already, by its id, the stream confirms just that,
whatever became of those before it: what may have been published before goes each by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace_coordinator.bus.port import Outgoing
from headrace_protocol.headers import EXPECTED_LAST_ID, MESSAGE_ID


def in_order(messages: Sequence[Outgoing]) -> Iterator[Outgoing]:
    """The messages, each but the first bound to the one before. Raises KeyError for one without an id that another
    is to follow."""
    before = ""
    last = len(messages) - 1
    for place, (subject, headers, body) in enumerate(messages):
        yield subject, {**headers, EXPECTED_LAST_ID: before} if before else headers, body
        if place < last:
            before = headers[MESSAGE_ID]
