"""What a seed stands for: workflows, runs and misfortunes, each with its time. Plain data, so that it can be shrunk."""

from __future__ import annotations

import random

import msgspec

from tests.simulation.flows import Flow, make_flow, poisoned

FAULTS_END_S = 30.0
"""From here on nothing goes wrong any more."""
NEVER_S = 1e6
TRIM_S = 0.4
NEVER_CALLBACKS = 10**9


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happens at a time."""

    at_s: float
    kind: str
    who: str = ""
    """A process: `coordinator-0`, `worker-1`, `user`; the API that a command comes by, if not the bus."""
    for_s: float = 0.0
    number: int = 0
    """Callbacks until a kill, messages rolled back, times an event is published, the workflow of a run."""
    by_s: float = 0.0
    name: str = ""
    """Run or event id; how a workflow is deployed; a kind of stream."""

    def __str__(self) -> str:
        text = STORIES[self.kind].format(
            who=self.who, for_s=self.for_s, number=self.number, by_s=self.by_s, name=self.name
        )
        return f"at {self.at_s:.3f} s {text}{' over HTTP' if self.who == HTTP else ''}"


STORIES = {
    "start": "a user starts run {name} of flow{number}",
    "event": "event {name} is published {number} time(s)",
    "cancel": "a user cancels run {name}",
    "retry": "an operator retries run {name}",
    "deploy": "a user deploys flow{number} {name}",
    "garbage": "somebody publishes {number} message(s) that nobody understands",
    "kill": "{who} is killed {number} callbacks later, and starts again after {for_s:.2f} s",
    "pause": "{who} stands still for {for_s:.2f} s",
    "stop": "{who} is told to stop, and starts again after {for_s:.2f} s",
    "cut": "{who} loses its connection, for {for_s:.2f} s",
    "wipe": "the bus loses everything it holds, and is away for {for_s:.2f} s",
    "delete": "somebody deletes the stream {name}",
    "outage": "the bus is away for {for_s:.2f} s",
    "roll_back": "the bus crashes and forgets its newest {number} message(s), and is away for {for_s:.2f} s",
    "storm": "messages get lost ({by_s:.0%}) and come late, for {for_s:.2f} s",
    "hurry": "the bus delivers once more whatever is in flight",
    "leaders": "consumers get other leaders, which know nothing of the requests that wait",
    "full": "the disk is full for {for_s:.2f} s",
    "unreadable": "the disk cannot be read for {for_s:.2f} s",
    "clock": "the clock of {who} jumps by {by_s:+.2f} s",
    "rival": "a second coordinator is started beside the first",
}
COMMANDS = frozenset({"start", "event", "cancel", "retry", "deploy", "garbage"})
HTTP = "http"
QUIET, WHOLE = "without its schedules", "with its schedules"


class Plan(msgspec.Struct, frozen=True):
    """A scenario."""

    seed: int
    flows: tuple[Flow, ...]
    actions: tuple[Action, ...]
    slots: tuple[int, ...]
    """One worker for each."""
    ack_wait_s: float
    shards: int = 1
    prefetch: int = 0
    sweep_s: float = 3.0
    trim_s: float = 0.0
    """How often events that were read are deleted; 0: never."""
    crash: str = ""
    """`WHO:CALLBACKS`: instead of its faults, one crash of a process after so many callbacks."""
    room: tuple[int, int, int] = (2, 64, 1_000)
    """What the bus may hold of a queue: for each slot, besides, and while no worker has spoken for it."""
    foreign: int = 0
    """So many workers, the last ones, are not ours: they start at once what was delivered before."""
    embedded: bool = False
    """The store lets nobody else in, so that opening it ends the leases of whoever had it before."""

    @property
    def faults(self) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if action.kind not in COMMANDS)


def is_foreign(plan: Plan, process: str) -> bool:
    """Whether a process (`worker-1.2`) is a worker that is not ours."""
    first = len(plan.slots) - plan.foreign
    return process.partition(".")[0] in {f"worker-{number}" for number in range(first, len(plan.slots))}


def make_plan(seed: int, *, fleet_faults: bool = True) -> Plan:
    """The scenario of a seed."""
    rng = random.Random(seed)
    flows = tuple(make_flow(rng, f"flow{number}") for number in range(rng.choice((1, 1, 2, 2, 3))))
    poison = random.Random(f"{seed}/poison")
    flows = tuple(poisoned(poison, flow) for flow in flows)
    workers = rng.choice((1, 1, 2, 3))
    # Without its slow net the quick ones must do, against what they are made for.
    swept = rng.random() < 0.7
    actions = _commands(rng, flows)
    actions += _faults(rng, workers, KINDS if swept else UNSWEPT_KINDS)
    # Coordinators stand by for each other as wholes; sharing single shards out is not their business yet.
    alone = not any(action.kind == "rival" for action in actions)
    plan = Plan(
        seed=seed,
        flows=flows,
        actions=tuple(sorted(actions, key=lambda action: action.at_s)),
        slots=tuple(rng.choice((1, 2, 4)) for _ in range(workers)),
        ack_wait_s=rng.choice((2.0, 4.0, 15.0)),  # shorter and longer than a shard's lease
        shards=rng.choice((1, 1, 1, 2)) if alone else 1,
        prefetch=rng.choice((0, 0, 0, 1)),
        sweep_s=3.0 if swept else NEVER_S,
        embedded=alone and rng.random() < 0.6,
        trim_s=TRIM_S,
        room=rng.choice(((2, 64, 1_000), (1, 0, 2), (1, 0, 1), (1, 1, 3))),
    )
    # Drawn apart, so that the rest of a plan is the same with and without it.
    return _with_fleet_faults(random.Random(f"{seed}/fleet"), plan) if fleet_faults else plan


CRASH_S = 0.25
"""Every process has started by then."""


def crash_plan(seed: int, who: str, callbacks: int) -> Plan:
    """The scenario of a seed without its misfortunes, with a crash instead."""
    plan = make_plan(seed)
    actions = [action for action in plan.actions if action.kind in COMMANDS]
    actions.append(Action(CRASH_S, "kill", who, for_s=0.3, number=callbacks))
    actions.sort(key=lambda action: action.at_s)
    return msgspec.structs.replace(plan, actions=tuple(actions), crash=f"{who}:{callbacks}")


def _commands(rng: random.Random, flows: tuple[Flow, ...]) -> list[Action]:
    found: list[Action] = []
    for number in range(rng.randint(2, 7)):
        at_s = rng.uniform(0.3, FAULTS_END_S * rng.choice((0.1, 0.5, 0.9)))
        if rng.random() < 0.4:
            found.append(Action(at_s, "event", number=rng.choice((1, 1, 2, 3)), name=f"event{number}"))
            continue
        name = f"run{number}"
        found.append(Action(at_s, "start", _way(rng), number=rng.randrange(len(flows)), name=name))
        if rng.random() < 0.15:
            found.append(Action(at_s + rng.choice((0.01, 0.5, 5.0)), "cancel", _way(rng), name=name))
        retries = range(rng.choice((0, 0, 0, 1, 2)))
        found += [Action(at_s + rng.uniform(0.5, 12.0), "retry", HTTP, name=name) for _ in retries]
    for number, flow in enumerate(flows):
        if flow.clocked and rng.random() < 0.7:
            times = sorted(rng.uniform(0.5, FAULTS_END_S * 0.9) for _ in range(rng.choice((1, 2, 3))))
            found += (
                Action(at_s, "deploy", _way(rng), number=number, name=rng.choice((QUIET, WHOLE)))
                for at_s in times
            )
    if rng.random() < 0.2:
        found.append(Action(rng.uniform(1.0, 20.0), "garbage", number=rng.choice((1, 5))))
    return found


def _way(rng: random.Random) -> str:
    return HTTP if rng.random() < 0.3 else ""


def _faults(rng: random.Random, workers: int, kinds: tuple[str, ...]) -> list[Action]:
    """None for some seeds: what fails then is not the faults' fault."""
    rival = rng.random() < 0.15
    found = [_fault(rng, workers, kinds, rival=rival) for _ in range(rng.choice((0, 1, 2, 4, 8, 12)))]
    if rival:
        found.append(Action(rng.uniform(0.5, 10.0), "rival"))
        found.append(Action(rng.uniform(1.0, 20.0), "pause", "coordinator-0", for_s=rng.uniform(8.0, 18.0)))
    return found


def _fault(rng: random.Random, workers: int, kinds: tuple[str, ...], *, rival: bool) -> Action:
    at_s = round(rng.uniform(0.0, FAULTS_END_S * rng.choice((0.2, 0.6, 0.9))), 6)
    coordinator = f"coordinator-{rng.randrange(2)}" if rival else "coordinator-0"
    worker = f"worker-{rng.randrange(workers)}"
    anyone = rng.choice((coordinator, coordinator, worker, "user"))
    short_s, long_s = rng.uniform(0.01, 2.0), rng.uniform(0.5, 12.0)
    match rng.choice(kinds):
        case "kill coordinator":
            return Action(at_s, "kill", coordinator, for_s=short_s, number=rng.randrange(300))
        case "kill worker":
            return Action(
                at_s, "kill", worker, for_s=rng.choice((short_s, long_s)), number=rng.randrange(100)
            )
        case "pause":
            return Action(
                at_s, "pause", rng.choice((coordinator, worker)), for_s=rng.choice((short_s, long_s))
            )
        case "cut":
            return Action(at_s, "cut", anyone, for_s=rng.choice((0.0, short_s, long_s)))
        case "stop":
            return Action(at_s, "stop", rng.choice((coordinator, worker)), for_s=short_s)
        case "storm":
            return Action(at_s, "storm", for_s=long_s, by_s=rng.choice((0.02, 0.1, 0.3)))
        case "roll_back":
            return Action(at_s, "roll_back", for_s=short_s, number=rng.choice((1, 3, 10)))
        case "wipe":
            return Action(at_s, "wipe", for_s=short_s)
        case "delete":
            return Action(at_s, "delete", name=rng.choice(("TASKS", "INPUTS", "EVENTS")))
        case "clock":
            return Action(
                at_s,
                "clock",
                rng.choice((coordinator, worker)),
                by_s=rng.choice((8.0, 8.0, 30.0)) * rng.uniform(-1.0, 1.0),
            )
        case "full" | "unreadable" as kind:
            return Action(at_s, kind, for_s=short_s)
        case kind:
            return Action(at_s, kind)


def _with_fleet_faults(rng: random.Random, plan: Plan) -> Plan:
    """At times: what the failure detector is made for, while attempts run."""
    workers = len(plan.slots)
    foreign = 1 if workers > 1 and rng.random() < 0.1 else 0
    starts = [action.at_s for action in plan.actions if action.kind in ("start", "event")]
    at_s = rng.choice(starts or [1.0]) + rng.uniform(0.05, 1.0)
    found: list[Action] = []
    for scene in rng.sample(FLEET_FAULTS, rng.choice((0, 0, 1, 1, 2))):
        found += scene(rng, plan, at_s)
        at_s = rng.uniform(at_s, FAULTS_END_S)
    if not found and not foreign:
        return plan
    rival = any(action.kind == "rival" for action in found)
    return msgspec.structs.replace(
        plan,
        foreign=foreign,
        embedded=plan.embedded and not rival,
        shards=1 if rival else plan.shards,
        actions=tuple(sorted((*plan.actions, *found), key=lambda action: action.at_s)),
    )


def _freeze(rng: random.Random, plan: Plan, at_s: float) -> list[Action]:
    """A worker stands still for longer than the ack wait, and lives on."""
    worker = f"worker-{rng.randrange(len(plan.slots))}"
    return [Action(at_s, "pause", worker, for_s=plan.ack_wait_s * rng.uniform(1.1, 2.5))]


def _outage(rng: random.Random, plan: Plan, at_s: float) -> list[Action]:
    """The bus is away under running attempts."""
    return [Action(at_s, "outage", for_s=plan.ack_wait_s * rng.uniform(1.0, 2.2))]


def _drain(rng: random.Random, plan: Plan, at_s: float) -> list[Action]:
    """Half of the fleet is told to stop."""
    workers = rng.sample(range(len(plan.slots)), (len(plan.slots) + 1) // 2)
    return [
        Action(at_s + rng.uniform(0.0, 0.2), "stop", f"worker-{number}", for_s=rng.uniform(0.1, 6.0))
        for number in workers
    ]


def _takeover(rng: random.Random, plan: Plan, at_s: float) -> list[Action]:
    """A worker dies, and while it is being found out what died with it another coordinator takes over."""
    worker = f"worker-{rng.randrange(len(plan.slots))}"
    suspected_s = at_s + min(plan.ack_wait_s, 4.0)
    return [
        Action(at_s, "rival"),
        Action(at_s, "kill", worker, for_s=rng.uniform(1.0, 12.0), number=rng.randrange(20)),
        Action(suspected_s + rng.uniform(0.0, 3.0), "pause", "coordinator-0", for_s=rng.uniform(9.0, 13.0)),
    ]


def _copies(rng: random.Random, plan: Plan, at_s: float) -> list[Action]:
    """Messages come again and again, and what is said of them gets lost."""
    if plan.sweep_s == NEVER_S:
        return []
    worker = f"worker-{rng.randrange(len(plan.slots))}"
    times = sorted(at_s + rng.uniform(0.0, 6.0) for _ in range(4))
    return [
        Action(at_s, "storm", for_s=7.0, by_s=rng.choice((0.1, 0.3))),
        Action(at_s + 0.2, "kill", worker, for_s=rng.uniform(0.1, 3.0), number=rng.randrange(20)),
        *(Action(time_s, "hurry") for time_s in times),
    ]


FLEET_FAULTS = (_freeze, _outage, _drain, _takeover, _copies)
KINDS = (
    "kill coordinator",
    "kill coordinator",
    "kill coordinator",
    "kill worker",
    "kill worker",
    "pause",
    "pause",
    "cut",
    "cut",
    "stop",
    "storm",
    "storm",
    "roll_back",
    "wipe",
    "delete",
    "hurry",
    "hurry",
    "hurry",
    "hurry",
    "leaders",
    "leaders",
    "full",
    "unreadable",
    "clock",
)
_NEED_A_SWEEP = ("storm", "roll_back", "delete", "hurry", "unreadable")
UNSWEPT_KINDS = (*(kind for kind in KINDS if kind not in _NEED_A_SWEEP), "wipe", "wipe")
