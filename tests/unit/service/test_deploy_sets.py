"""Deploying sets: all or nothing, whose a workflow is, and what a set no longer defines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from headrace_coordinator.store.memory import MemoryStore
from headrace_protocol.definition import CronTrigger, EventTrigger, EveryTrigger, Output
from headrace_protocol.deploys import DeployMember, Provenance
from headrace_protocol.errors import ErrorCode
from tests.unit.service.running import FILES, WHOLE, Running, member, running, states, workflow

NEVER = CronTrigger(id="c", expression="0 3 31 2 *")
WRONG = {
    "61 minutes": (CronTrigger(id="c", expression="61 * * * *"), ErrorCode.SCHEDULE_INVALID),
    "31 February": (NEVER, ErrorCode.SCHEDULE_NEVER_FIRES),
    "broken CEL": (EventTrigger(id="e", type="a.b", where="event.data.x =="), ErrorCode.EXPRESSION_INVALID),
}


@pytest.fixture
async def live() -> AsyncIterator[Running]:
    async with running(MemoryStore()) as started:
        yield started


async def deployed(live: Running) -> list[str]:
    return [row.definition.name for row in await live.store.definitions()]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
async def test_one_refused_workflow_leaves_none_deployed(live: Running, wrong: str, dry_run: bool) -> None:
    trigger, code = WRONG[wrong]
    good = [member(workflow(f"good{number}")) for number in range(8)]
    reply = await live.deploy(*good, member(workflow("ninth", trigger)), dry_run=dry_run)
    assert await deployed(live) == []
    assert reply.error is not None
    assert reply.error.code == code
    assert reply.error.message.startswith("nothing was deployed: 1 of 9 workflows is refused (ninth)")
    assert states(reply.results) == {f"good{number}": "deployed" for number in range(8)} | {
        "ninth": "refused"
    }


async def test_a_dry_run_says_what_the_deploy_does_and_writes_nothing(live: Running) -> None:
    await live.deploy(member(workflow("same")), member(workflow("changed")), member(workflow("gone")))
    members = [member(workflow("same")), member(workflow("changed", doc="new")), member(workflow("new"))]
    before = await live.store.workflow_states(), await live.store.definitions()
    said = await live.deploy(*members, prune=WHOLE, dry_run=True)
    assert (await live.store.workflow_states(), await live.store.definitions()) == before
    done = await live.deploy(*members, prune=WHOLE)
    assert said.results == done.results
    assert states(done.results) == {
        "same": "unchanged",
        "changed": "deployed",
        "new": "deployed",
        "gone": "retired",
    }


async def test_a_set_with_a_name_twice_is_refused(live: Running) -> None:
    reply = await live.deploy(member(workflow("w")), member(workflow("w", doc="other")))
    assert states(reply.results) == {"w": "refused"}
    assert "two workflows have the name 'w'" in str(reply.error)
    assert await deployed(live) == []


async def test_another_set_does_not_take_a_workflow_without_a_word(live: Running) -> None:
    await live.deploy(member(workflow("daily"), "c.py"))
    refused = await live.deploy(member(workflow("daily", doc="other"), "d.py"), member(workflow("w"), "d.py"))
    assert refused.error is not None
    assert refused.error.code == ErrorCode.CONFLICT
    assert refused.results[0].error is not None
    assert refused.results[0].error.found == "the set c.py"
    assert "--take-over" in refused.results[0].error.fix
    assert await deployed(live) == ["daily"]
    taken = await live.deploy(member(workflow("daily", doc="other"), "d.py"), take_over=True)
    assert taken.results[0].notes == ("taken over from the set c.py",)
    assert await live.kinds("daily") == ["taken_over", "deployed", "deployed"]
    again = await live.deploy(member(workflow("daily"), "c.py"))
    assert again.error is not None


@pytest.mark.parametrize(("mine", "theirs", "fits"), [("a", "b", False), ("a", "a", True), ("a", "", True)])
async def test_sets_of_one_name_are_told_apart_by_their_owner(
    live: Running, mine: str, theirs: str, fits: bool
) -> None:
    await live.deploy(member(workflow("daily")), owner=mine)
    reply = await live.deploy(member(workflow("daily", doc="other")), owner=theirs)
    assert (reply.error is None) is fits


async def test_a_workflow_may_move_between_files_that_are_deployed_together(live: Running) -> None:
    await live.deploy(member(workflow("daily"), "c.py"))
    reply = await live.deploy(member(workflow("daily"), "d.py"), replaces=("c.py",))
    assert reply.results[0].notes == ("moved from the set c.py",)
    assert (await live.store.workflow_states())[0].set == "d.py"


async def test_a_single_deploy_leaves_a_workflow_with_its_set(live: Running) -> None:
    await live.deploy(member(workflow("daily")))
    await live.coordinator.deploy(workflow("daily", doc="by hand"))
    (state,) = await live.store.workflow_states()
    assert state.set == "a.py"
    assert (await live.deploy(member(workflow("daily"), "b.py"))).error is not None


def of_set(name: str, file: str) -> DeployMember:
    return member(workflow(name), file, "shop")


async def test_pruning_wants_the_whole_set(live: Running) -> None:
    await live.deploy(of_set("one", "a.py"), of_set("two", "a.py"), of_set("three", "b.py"))
    part = await live.deploy(of_set("one", "a.py"), prune=WHOLE)
    assert part.error is not None
    assert states(part.results) == {"one": "unchanged", "two": "retired", "three": "refused"}
    assert part.results[-1].error is not None
    assert "--gone b.py" in part.results[-1].error.fix
    assert all(state.retired is None for state in await live.store.workflow_states())
    whole = await live.deploy(of_set("one", "a.py"), files=("a.py", "b.py"), prune=WHOLE)
    assert states(whole.results) == {"one": "unchanged", "two": "retired", "three": "retired"}


async def test_pruning_by_files_leaves_the_rest_of_the_set(live: Running) -> None:
    await live.deploy(of_set("one", "a.py"), of_set("two", "a.py"), of_set("three", "b.py"))
    reply = await live.deploy(of_set("one", "a.py"), prune=FILES)
    assert states(reply.results) == {"one": "unchanged", "two": "retired"}


async def test_pruning_touches_no_other_set(live: Running) -> None:
    await live.deploy(member(workflow("theirs"), "b.py"))
    await live.coordinator.deploy(workflow("nobodys"))
    reply = await live.deploy(member(workflow("mine")), prune=WHOLE)
    assert states(reply.results) == {"mine": "deployed"}


async def test_what_was_pruned_comes_back_with_its_file_also_in_another(live: Running) -> None:
    every = EveryTrigger(id="e", every_s=3600.0)
    await live.deploy(member(workflow("tick", every), "a.py"))
    await live.deploy(files=("a.py",), prune=FILES)
    assert await live.store.schedules() == []
    back = await live.deploy(member(workflow("tick", every), "b.py"))
    assert back.error is None
    assert "restored: a file defines it again" in back.results[0].notes
    assert [one.trigger for one in await live.store.schedules()] == ["e"]
    assert (await live.kinds("tick")) == ["moved", "restored", "retired", "deployed"]


async def test_other_code_behind_the_same_definition_is_noted(live: Running) -> None:
    await live.deploy(member(workflow("w"), code="one"), provenance=Provenance(by="ada", commit="c0ffee"))
    assert states((await live.deploy(member(workflow("w"), code="one"))).results) == {"w": "unchanged"}
    other = await live.deploy(member(workflow("w"), code="two"), provenance=Provenance(by="bob"))
    assert other.results[0].notes == ("the code of its tasks changed",)
    row = await live.store.definition("w", None)
    assert row is not None
    assert (row.origin.code, row.origin.provenance.by) == ("two", "bob")
    newest, oldest = await live.store.workflow_changes("w", None, 10)
    assert (newest.by, newest.version) == ("bob", newest.previous)
    assert oldest.origin is not None
    assert oldest.origin.provenance.commit == "c0ffee"


async def test_a_definition_made_by_hand_is_checked_for_the_types_of_its_edges(live: Running) -> None:
    made = workflow("w")
    task = made.tasks[made.nodes[0].task]
    text = msgspec.structs.replace(task, name="text", params={}, required=(), returns={"type": "string"})
    number = msgspec.structs.replace(task, name="number", params={"x": {"type": "integer"}}, required=("x",))
    first = msgspec.structs.replace(made.nodes[0], id="first", task="text", bindings={})
    second = msgspec.structs.replace(
        made.nodes[0], id="second", task="number", bindings={"x": Output("first")}
    )
    wrong = msgspec.structs.replace(
        made, tasks={"text": text, "number": number}, nodes=(first, second), output=None
    )
    reply = await live.deploy(member(wrong))
    assert reply.error is not None
    assert (reply.error.code, reply.error.found, reply.error.expected) == (
        ErrorCode.DEFINITION_TYPE_MISMATCH,
        "string",
        "integer",
    )
