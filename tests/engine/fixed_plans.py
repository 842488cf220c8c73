"""Short histories that are always tried, whatever the adversaries come to think of."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headrace_coordinator.engine.inputs import OutcomeReceived, Redispatch
from headrace_protocol.definition import Output
from headrace_protocol.messages import OutcomeState, ReturnReason
from tests.engine.building import node, plan_of
from tests.engine.world import World


def _world(*, limit: int | None = None, window: int = 3) -> World:
    nodes = (node("n0"), node("n1", "n0", over=Output("n0", ("rows",)), window=window))
    few = [
        msgspec.structs.replace(one, options=msgspec.structs.replace(one.options, max_lost=2))
        for one in nodes
    ]
    world = World(plan_of(*few)) if limit is None else World(plan_of(*few), limit)
    world.step(world.command)
    return world


def a_worker_that_was_taken_for_lost_lives_on() -> None:
    world = _world()
    frozen = world.sent["n0", None, 1]
    world.lose("n0", None, 1)
    world.succeed(frozen)
    world.lose("n0", None, 2)
    world.finish_fairly()


def an_item_is_lost_as_often_as_it_may_be() -> None:
    world = _world()
    world.succeed(world.sent["n0", None, 1])
    for attempt in (1, 2):
        world.lose("n1", 0, attempt)


def what_is_returned_comes_twice() -> None:
    world = _world()
    first = world.sent["n0", None, 1]
    world.report(first, OutcomeState.RETURNED, reason=ReturnReason.DRAIN, dispatch=first.dispatch)
    world.step(OutcomeReceived(world.outcomes[-1]))
    world.finish_fairly()


def the_bus_is_lost_after_the_fleet_shrank() -> None:
    world = _world(limit=3)
    world.succeed(world.sent["n0", None, 1], length=3)
    world.capacity(1)
    world.step(Redispatch("r"))
    world.finish_fairly()


FIXED_PLANS: tuple[Callable[[], None], ...] = (
    a_worker_that_was_taken_for_lost_lives_on,
    an_item_is_lost_as_often_as_it_may_be,
    what_is_returned_comes_twice,
    the_bus_is_lost_after_the_fleet_shrank,
)
