"""Messages find the shards that own what they concern."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.inputs import OutcomeReceived
from headrace_coordinator.runtime.deadletters import dead_letter
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.service.shards import ShardSet, _Owned
from headrace_coordinator.store.records import ShardFence
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import shard_of
from tests.unit.runtime.test_ingress import OUTCOME, message


class FakeShard:
    def __init__(self, number: int) -> None:
        self.fence = ShardFence(number, 1)
        self.got: list[Envelope] = []

    def put(self, envelope: Envelope) -> None:
        self.got.append(envelope)


def test_a_refused_outcome_is_settled_after_its_attempt_has_failed_where_it_lives() -> None:
    here, there = FakeShard(1 - shard_of("r", 2)), FakeShard(shard_of("r", 2))
    shards = ShardSet(None, None, 2, "me", None, None)  # type: ignore[arg-type]
    for one in (here, there):
        shards._owned[one.fence.shard] = _Owned(one, None, None)  # type: ignore[arg-type]
    mine = next(name for name in "abcdef" if shard_of(name, 2) == here.fence.shard)
    kept, strayed = (OutcomeReceived(msgspec.structs.replace(OUTCOME, run_id=name)) for name in (mine, "r"))
    letter = dead_letter(message("outcome", b""), ProtocolError("wrong"), 1)
    shards._deliver(here, Envelope(inputs=(kept, strayed), dead=(letter,)))  # type: ignore[arg-type]
    assert here.got == []
    (first,) = there.got
    assert (first.inputs, first.dead) == ((strayed,), ())
    assert first.ack is not None
    first.ack()
    (second,) = here.got
    assert (second.inputs, second.dead) == ((kept,), (letter,))
