"""Deliberate breakages of the real code, to show that the simulation notices each of them.

A mutant is a set of attributes replaced while seeds run. The modules are named after what they break; the originals
are bound when they are imported.
"""

from tests.simulation.mutants import (
    bus_loss,
    commits,
    failure_detector,
    ready_line,
    results,
    starts,
    timers,
    transitions,
    workers,
)
from tests.simulation.mutants.registry import MUTANTS, Mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "bus_loss",
    "commits",
    "failure_detector",
    "ready_line",
    "results",
    "starts",
    "timers",
    "transitions",
    "workers",
]
