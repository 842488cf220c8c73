"""`benchmarks/pairs.py`: the interval, the direction of a ratio, the verdict, and turns that alternate."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.proof.pairs import figures_of_pairs

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, imported as it imports its neighbours."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import pairs

    yield pairs
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_an_interval_holds_the_median_of_noise(pairs: ModuleType) -> None:
    draw, hits, samples = random.Random("an interval"), 0, 60
    for _ in range(samples):
        found = pairs.interval([draw.gauss(1.0, 0.1) for _ in range(20)])
        assert found.low <= found.median <= found.high
        hits += found.low <= 1.0 <= found.high
    assert hits >= 0.87 * samples, "a 95 % interval misses much more often"


def test_more_pairs_make_it_narrower(pairs: ModuleType) -> None:
    draw = random.Random(1)
    values = [draw.gauss(1.0, 0.1) for _ in range(400)]
    few, many = pairs.interval(values[:20]), pairs.interval(values)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(
    ("unit", "ours", "theirs", "ratio"),
    [("tasks/s", 50.0, 100.0, 0.5), ("ms", 2.0, 1.0, 0.5), ("MB", 1.0, 2.0, 2.0)],
)
def test_above_one_is_better(pairs: ModuleType, unit: str, ours: float, theirs: float, ratio: float) -> None:
    assert pairs.speed(unit, ours, theirs) == ratio


def compared(
    pairs: ModuleType, monkeypatch: pytest.MonkeyPatch, ours: list[float], theirs: list[float]
) -> Any:
    """The comparison of rates that two trees are made to measure, and the order of their turns."""
    order: list[str] = []
    left = {"this tree": iter(ours), "before": iter(theirs)}

    def turn(tree: Any, benchmark: Any) -> Any:
        order.append(tree.name)
        figure = pairs.Figure(name="a rate", value=next(left[tree.name]), unit="tasks/s")
        return pairs.Turn({"a rate": figure}, pairs.Usage())

    monkeypatch.setattr(pairs, "turn", turn)
    trees = [pairs.Tree(name, BENCHMARKS.parent, sys.executable) for name in left]
    return pairs.in_turns(*trees, pairs.BENCHMARKS["runs"], len(ours)), order


def test_who_goes_first_alternates(pairs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _, order = compared(pairs, monkeypatch, [1.0] * 3, [1.0] * 3)
    assert order == ["this tree", "before", "before", "this tree", "this tree", "before"]


def test_a_loss_that_shows_does_not_hold(pairs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = [100.0, 101.0, 99.0] * 7
    slower, _ = compared(pairs, monkeypatch, [one * 0.9 for one in noise], noise)
    same, _ = compared(pairs, monkeypatch, [one * 0.99 for one in noise], noise)
    assert not slower.compared[0].holds
    assert same.compared[0].holds
    assert slower.compared[0].ratio == pytest.approx(0.9)
    assert "SLOWER" in pairs.shown(slower)
    assert slower.cpu_us_per_task is None, "nobody saw what the start took"


def test_a_benchmark_that_did_not_exist_is_told(pairs: ModuleType, tmp_path: Path) -> None:
    old = pairs.Tree("5893cfe", tmp_path, sys.executable)
    found = pairs.in_turns(pairs.this_tree(), old, pairs.BENCHMARKS["fairness"], 2)
    assert found.missing == "5893cfe has no such benchmark"
    assert not found.compared


def test_the_page_reads_what_it_prints(pairs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compared(pairs, monkeypatch, [2.0, 2.0], [1.0, 1.0])
    printed = "some warning\n" + json.dumps([pairs.msgspec.to_builtins(found)])
    (figure,) = figures_of_pairs(printed)
    assert str(figure) == "2 of the speed (2.000 to 2.000, 2 pairs): a rate"


def test_every_script_of_the_report_has_pairs(pairs: ModuleType) -> None:
    import report

    assert set(pairs.BENCHMARKS) == set(report.SCRIPTS) - {"baseline"}
