"""The sentences, and how each is shown. To add one, name its tests: `pytest_run(...)` takes pytest node ids."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import msgspec

from tests.proof.figures import Figure
from tests.proof.pairs import figures_of_pairs

PYTHON = "python"
"""In a command: the interpreter that runs the proofs."""
SEEDS = os.environ.get("HEADRACE_SIM_SEEDS", "3000")
"""Of the long form; fewer on a machine that is busy."""


class Command(msgspec.Struct, frozen=True):
    """Something to run: it holds when it exits with 0."""

    words: tuple[str, ...]
    read: Callable[[str], tuple[Figure, ...]] | None = None
    """Figures from its output, where it does not record them itself."""

    def __str__(self) -> str:
        return " ".join(self.words)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The pytest node ids, where it runs tests."""
        return tuple(word for word in self.words if word.startswith("tests/"))

    @property
    def runs_tests(self) -> bool:
        return self.words[:3] == (PYTHON, "-m", "pytest")

    def argv(self) -> list[str]:
        return [sys.executable if word == PYTHON else word for word in self.words]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the page."""

    name: str
    sentence: str
    short: Command
    """What CI runs, within a minute."""
    long: Command
    """Tests run with `HEADRACE_PROOF=long`, which makes the sizes they ask for larger."""


def pytest_run(*nodes: str) -> Command:
    return Command((PYTHON, "-m", "pytest", *nodes))


def _shown_by(*nodes: str) -> dict[str, Command]:
    """The same tests in both forms."""
    return {"short": pytest_run(*nodes), "long": pytest_run(*nodes)}


EDGE = "tests/faults/test_edge.py"
MUTANTS = "tests/simulation/test_mutants.py::test_a_mutant_is_caught"
SERIALIZERS = "tests/unit/serializers"
PAGE_WORKER = "tests/wire/test_documentation.py"
NODE_WORKER = "tests/conformance/worker/test_node_worker.py"

PROOFS = (
    Proof(
        name="losses",
        sentence="NATS is stopped for twice the ack wait under 200 running attempts, a worker is frozen for three "
        "times the ack wait, and half of the workers are drained: no attempt that finished is charged as lost.",
        **_shown_by(f"{EDGE}::test_what_finished_is_never_charged_as_lost"),
    ),
    Proof(
        name="seeds",
        sentence="In simulated clusters whose processes and bus fail at random, every invariant holds: no attempt is "
        "charged as lost whose end was on the bus before, and one whose worker lives on does not stay charged.",
        short=pytest_run("tests/simulation/test_simulation.py"),
        long=Command((PYTHON, "-m", "tests.simulation", SEEDS)),
    ),
    Proof(
        name="mutants",
        sentence="The simulator's invariants can fail: each deliberate breakage of the code is caught.",
        short=pytest_run(*(f"{MUTANTS}[{name}]" for name in ("no_sweeper", "no_attempt_fence", "cancel_ignored"))),
        long=pytest_run(MUTANTS),
    ),
    Proof(
        name="rolling-update",
        sentence="Four workers are replaced one after the other, old code by new with a renamed and an added task, "
        "under 20 runs/s: no run fails, and no task runs on a worker whose code lacks it.",
        **_shown_by(f"{EDGE}::test_a_rolling_update_fails_no_run"),
    ),
    Proof(
        name="poison-item",
        sentence="One item of a map of 1,000 (200 in the short form) kills its worker: the other items are done, "
        "retries end the map, at most 3 workers die, and history, attempts, trace, log and explanation agree.",
        **_shown_by(f"{EDGE}::test_one_poison_item_ends_its_map_and_takes_no_other_item_along"),
    ),
    Proof(
        name="round-trips",
        sentence="Whatever values a serializer is given, they come back equal and of the same type, or are refused.",
        **_shown_by(f"{SERIALIZERS}/test_round_trips.py", f"{SERIALIZERS}/test_plain_round_trips.py"),
    ),
    Proof(
        name="types",
        sentence="At least 40 kinds of types pass through tasks; the table of docs/data.md is that of the test.",
        **_shown_by(f"{SERIALIZERS}/test_kinds.py", f"{SERIALIZERS}/test_edges.py"),
    ),
    Proof(
        name="foreign-worker",
        sentence="A worker written from docs/protocol.md alone runs a task of six times the ack wait once "
        "(60 s under 10 s in the long form); a worker and a publisher in Node keep the contract of the "
        "conformance kit.",
        **_shown_by(PAGE_WORKER, NODE_WORKER),
    ),
    Proof(
        name="pages",
        sentence="Every page of the web UI, in every view that an address can name (one of each in the short form), "
        "passes axe in light and dark, is not wider than the window, and reloads as it was.",
        **_shown_by("tests/web/test_access.py", "tests/web/test_addresses.py"),
    ),
    Proof(
        name="performance",
        sentence="Measured in turns with commit 5893cfe, no benchmark is slower: the 95 % interval of the median "
        "speed ratio contains 0.97 or lies above it.",
        short=pytest_run("tests/unit/test_pairs.py"),
        long=Command(
            (PYTHON, "benchmarks/pairs.py", "--against", "5893cfe", "--pairs", "20", "--json"), figures_of_pairs
        ),
    ),
)  # fmt: skip
