"""Events on their way in: what becomes of each, whatever the others do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace import event, task, workflow
from headrace.authoring.workflows import Workflow
from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime.clock import SystemClock
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.service.publication import Publication
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.records import OutboxMessage, ShardFence, Verdict
from headrace_coordinator.triggers.events import Matcher
from headrace_coordinator.triggers.intake import COPIES, Intake
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.errors import ErrorCode, HeadraceError, ProtocolError
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import CommandReply, StartRun
from headrace_protocol.subjects import Subjects
from headrace_protocol.topology import MAX_PAYLOAD_BYTES

pytestmark = pytest.mark.anyio
SUBJECTS = Subjects("n")


@task
def one(n: int) -> int:
    return n


@workflow(triggers=[event("numbers.came", id="all", params={"n": "event.data.n"})])
def every(n: int) -> int:
    return one(n)


@workflow(triggers=[event("numbers.came", id="big", where="event.data.n > 10", params={"n": "event.data.n"})])
def large(n: int) -> int:
    return one(n)


@workflow(
    triggers=[event("numbers.came", id="odd", where="event.data.odd > 1", params={"n": "event.data.n"})]
)
def broken(n: int) -> int:
    return one(n)


class Loops:
    """Shards that commit what they are given, one envelope a turn, and refuse what they are told to."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.store = MemoryStore()
        self.turns: list[Turn] = []
        self.started: set[str] = set()
        self.refuse: Callable[[StartRun], HeadraceError | None] = lambda command: None
        self.breaks: str = ""
        """The event whose input breaks the engine."""
        self.buried: list[Incoming | None] = []
        self.fences: list[ShardFence | None] = []

    def put(self, shard: int, envelope: Envelope) -> None:
        raise NotImplementedError

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        commands = [one for one in envelope.inputs if isinstance(one, StartRun)]
        assert all(shard_of(command.run_id, self.count) == shard for command in commands)
        if any(command.event_id == self.breaks for command in commands):
            self.buried.append(envelope.origin)
            return [CommandReply(error=HeadraceError("broken engine").info())]
        fence = self.fences[shard]
        assert fence is not None
        turn = Turn(SUBJECTS, fence, 1_000)
        replies = [self._reply(command) for command in commands]
        assert envelope.conclude is not None
        envelope.conclude(turn, replies)
        await self.store.commit(turn.transaction)
        self.turns.append(turn)
        for callback in turn.after_commit:
            callback()
        return replies

    def _reply(self, command: StartRun) -> CommandReply:
        error = self.refuse(command)
        if error is not None:
            return CommandReply(run_id=command.run_id, created=False, error=error.info())
        created = command.run_id not in self.started
        self.started.add(command.run_id)
        return CommandReply(run_id=command.run_id, created=created)


class Site:
    def __init__(self, *workflows: Workflow[..., object], shards: int = 1) -> None:
        matcher = Matcher("n", lambda: 7)
        matcher.rebuild(one.definition for one in workflows)
        self.loops = Loops(shards)
        self.intake = Intake(matcher, self.loops, SystemClock())
        self.publication = Publication(SUBJECTS, self.loops.store, self.intake, lambda: MAX_PAYLOAD_BYTES)


async def opened(*workflows: Workflow[..., object], shards: int = 1) -> Site:
    site = Site(*workflows, shards=shards)
    await site.loops.store.open()
    site.loops.fences = [await site.loops.store.acquire_shard(n, "me", 60.0, 0) for n in range(shards)]
    return site


def came(name: str, **data: object) -> CloudEvent:
    return CloudEvent(id=name, source="/t", type="numbers.came", data=data)


def kinds(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    return {verdict.workflow: verdict.kind for verdict in verdicts}


async def test_every_trigger_has_its_verdict_and_a_broken_one_harms_only_itself() -> None:
    site = await opened(every, large, broken)
    (taken,) = await site.publication.publish([came("a", n=1)])
    assert kinds(taken.verdicts) == {"every": "fired", "large": "filtered", "broken": "broken"}
    by_workflow = {verdict.workflow: verdict for verdict in taken.verdicts}
    assert by_workflow["large"].reason == "where was false: event.data.n = 1"
    failure = by_workflow["broken"]
    assert failure.error is not None
    assert failure.error.code == ErrorCode.EXPRESSION_FAILED
    assert taken.runs == (by_workflow["every"].run_id,)
    (letter,) = site.loops.turns[0].transaction.dead_letters
    assert (letter.letter_id, letter.subject) == (failure.letter_id, "hr.n.event.numbers.came")
    record = await site.loops.store.event("/t", "a")
    assert record is not None
    assert (record.verdicts, record.runs) == (taken.verdicts, taken.runs)


async def test_a_condition_that_was_deployed_before_it_was_refused_keeps_no_one_from_starting() -> None:
    where = "[1, 2].all(x, " * 24 + "true" + ")" * 24

    @workflow(triggers=[event("numbers.came", id="endless", where=where, params={"n": "event.data.n"})])
    def endless(n: int) -> int:
        return one(n)

    site = await opened(every, endless)
    for name in ("a", "b"):
        (taken,) = await site.publication.publish([came(name, n=1)])
        assert kinds(taken.verdicts) == {"every": "fired", "endless": "broken"}
        (error,) = (verdict.error for verdict in taken.verdicts if verdict.error is not None)
        assert error.code == ErrorCode.EXPRESSION_INVALID


async def test_params_that_do_not_fit_are_a_dead_letter_of_their_trigger() -> None:
    site = await opened(every, large)
    site.loops.refuse = lambda c: HeadraceError("no int", fix="Send one.") if c.workflow == "every" else None
    (taken,) = await site.publication.publish([came("a", n=11)])
    assert kinds(taken.verdicts) == {"every": "broken", "large": "fired"}
    assert len(taken.runs) == len(site.loops.turns[0].transaction.dead_letters) == 1


async def test_a_batch_is_one_turn_and_its_events_do_not_harm_each_other() -> None:
    site = await opened(every, broken)
    events = [came(f"e{n}", n=n, **({"odd": n} if n % 2 else {})) for n in range(6)]
    taken = await site.publication.publish(events)
    assert len(site.loops.turns) == 1
    assert [kinds(one.verdicts)["broken"] for one in taken] == [
        "broken",
        "filtered",
        "broken",
        "fired",
        "broken",
        "fired",
    ]
    assert sum(len(one.runs) for one in taken) == 8
    assert len(site.loops.turns[0].transaction.dead_letters) == 3


async def test_several_shards_each_commit_their_part_of_a_batch() -> None:
    site = await opened(every, large, broken, shards=3)
    taken = await site.publication.publish([came(f"e{n}", n=20, odd=2) for n in range(20)])
    assert {turn.transaction.fence.shard for turn in site.loops.turns if turn.transaction.fence} == {0, 1, 2}
    for number, one in enumerate(taken):
        assert kinds(one.verdicts) == {"every": "fired", "large": "fired", "broken": "fired"}
        record = await site.loops.store.event("/t", f"e{number}")
        assert record is not None
        assert set(record.verdicts) == set(one.verdicts)
        assert set(record.runs) == set(one.runs)


async def test_what_breaks_the_engine_takes_no_other_event_with_it() -> None:
    site = await opened(every)
    site.loops.breaks = "e1"
    taken = await site.publication.publish([came(f"e{n}", n=n) for n in range(3)])
    assert [len(one.runs) for one in taken] == [1, 0, 1]
    assert kinds(taken[1].verdicts) == {"every": "broken"}
    assert site.loops.buried[-1] is not None
    assert site.loops.buried[-1].headers["ce-id"] == "e1"


async def test_a_second_one_in_a_batch_is_a_duplicate_and_said_to_be() -> None:
    site = await opened(every, large)
    taken = await site.publication.publish([came("a", n=1), came("b", n=1), came("a", n=1)])
    assert [one.duplicate for one in taken] == [False, False, True]
    assert kinds(taken[2].verdicts) == {"every": "duplicate", "large": "filtered"}
    assert taken[2].runs == taken[0].runs
    assert len(site.loops.turns[0].transaction.events) == 2


async def test_again_later_is_a_duplicate_which_the_first_verdict_outlives() -> None:
    site = await opened(every)
    (first,) = await site.publication.publish([came("a", n=1)])
    (again,) = await site.publication.publish([came("a", n=1)])
    assert (first.duplicate, again.duplicate) == (False, True)
    assert kinds(again.verdicts) == {"every": "duplicate"}
    record = await site.loops.store.event("/t", "a")
    assert record is not None
    assert record.verdicts == first.verdicts


async def test_a_trigger_deployed_meanwhile_fires_on_an_event_that_comes_again() -> None:
    site = await opened(large)
    await site.publication.publish([came("a", n=1)])
    site.intake._matcher.rebuild([every.definition, large.definition])
    (again,) = await site.publication.publish([came("a", n=1)])
    assert again.duplicate
    assert kinds(again.verdicts) == {"every": "fired", "large": "filtered"}


async def test_a_broken_trigger_that_is_redriven_has_its_new_verdict() -> None:
    site = await opened(every)
    site.loops.refuse = lambda command: HeadraceError("not now")
    (first,) = await site.publication.publish([came("a", n=1)])
    site.loops.refuse = lambda command: None
    (letter,) = site.loops.turns[0].transaction.dead_letters
    again = site.intake.taking(came("a", n=1), Incoming(letter.subject, letter.headers, letter.body))
    await site.intake.take([again])
    record = await site.loops.store.event("/t", "a")
    assert record is not None
    assert (kinds(first.verdicts), kinds(record.verdicts)) == ({"every": "broken"}, {"every": "fired"})


async def test_the_letter_is_the_same_by_either_way() -> None:
    site = await opened(broken)
    (taken,) = await site.publication.publish([came("a", n=1)])
    over_nats = site.intake.taking(
        came("a", n=1), Incoming("hr.n.event.numbers.came", {}, b"{}", "$JS.ACK.x.1")
    )
    await site.intake.take([over_nats])
    assert over_nats.verdicts[0].letter_id == taken.verdicts[0].letter_id


async def test_the_copy_on_the_bus_is_known_once_and_only_after_the_commit() -> None:
    site = await opened(every)
    await site.publication.publish([came("a", n=1)])
    (sent,) = [message for message in site.loops.turns[0]._messages if isinstance(message, OutboxMessage)]
    copy = Incoming(sent.subject, sent.headers, sent.body)
    without_id = {name: value for name, value in sent.headers.items() if name != MESSAGE_ID}
    assert not site.intake.is_copy(Incoming(sent.subject, without_id, sent.body))
    assert site.intake.is_copy(copy)
    assert not site.intake.is_copy(copy)
    await site.publication.publish([came("a", n=1)])  # it has been on the bus
    assert not [message for message in site.loops.turns[1]._messages if message is not None]


async def test_copies_that_never_come_back_are_forgotten() -> None:
    site = await opened()
    for number in range(COPIES + 5):
        site.intake._copied(OutboxMessage("s", {MESSAGE_ID: str(number)}, b""))
    assert len(site.intake._copies) == COPIES
    assert not site.intake.is_copy(Incoming("s", {MESSAGE_ID: "4"}, b""))
    assert site.intake.is_copy(Incoming("s", {MESSAGE_ID: "5"}, b""))


async def test_one_that_is_too_large_is_named_before_anything_is_stored() -> None:
    site = await opened(every)
    with pytest.raises(ProtocolError) as raised:
        await site.publication.publish([came("a", n=1), came("b", n="x" * 1_100_000)])
    assert raised.value.code is ErrorCode.PROTOCOL_TOO_LARGE
    assert raised.value.where == "events[1], b"
    assert site.loops.turns == []


async def test_a_type_that_nobody_asks_for_is_recorded_without_verdicts() -> None:
    site = await opened(every)
    (taken,) = await site.publication.publish([CloudEvent(id="a", source="/t", type="other", data={})])
    assert (taken.verdicts, taken.runs, taken.duplicate) == ((), (), False)
    assert await site.loops.store.event("/t", "a") is not None
