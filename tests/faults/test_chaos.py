"""A short chaos: random kills, pauses and wipes of every process under load. `just chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import Plan, chaos

SEED = 26
"""Kills and pauses every process, and wipes the bus, within the time it has."""


# nats-py leaves the stream of a connection open that broke while it was being made again.
@pytest.mark.filterwarnings("ignore:.*StreamWriter:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(300)
async def test_a_short_chaos(tmp_path: Path) -> None:
    report, evidence = await chaos(
        tmp_path, Plan(seed=SEED, seconds=6, strike_every_s=0.6, longest_pause_s=4)
    )
    assert report.breaches == {}, f"python -m tests.faults --seconds 60 --seed {SEED}\n{report.breaches}"
    assert all(asked.accepted_at_us for asked in evidence.publications)
    struck = {strike.target.partition(" ")[0].strip(",") for strike in evidence.strikes}
    assert struck >= {"worker", "coordinator", "nats"}
    assert {strike.kind for strike in evidence.strikes} == {"kill", "pause", "wipe"}
    assert set(report.runs) >= {"succeeded", "failed"}
    assert report.executions > len(evidence.runs)
