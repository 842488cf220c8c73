"""Runs in words, for people who look at a failed test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from headrace_protocol.errors import ErrorInfo

if TYPE_CHECKING:
    from headrace.testing.site import Site

ATTEMPTS_TOLD = 20


class Ended(Protocol):
    """An attempt, as far as it is told."""

    @property
    def node(self) -> str: ...
    @property
    def item(self) -> int | None: ...
    @property
    def number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def delivery(self) -> int: ...
    @property
    def finished_at(self) -> datetime: ...
    @property
    def error(self) -> ErrorInfo | None: ...


def attempt(one: Ended) -> str:
    """`price[2] attempt 1: failed, ValueError: no price`."""
    return _attempt(one.node, one.item, one.number, one.state, one.delivery, one.error)


def _attempt(
    node: str, item: int | None, number: int, state: str, delivery: int, error: ErrorInfo | None
) -> str:
    place = node if item is None else f"{node}[{item}]"
    told = f"{place} attempt {number}: {state}"
    if delivery > 1:
        told += f" (delivery {delivery})"
    return told if error is None else f"{told}, {error.named}"


def summary(site: Site, run_id: str) -> str:
    """The run in a line."""
    head = site.in_process.head(run_id)
    told = f"run {run_id} of {head.workflow}: {head.state.value}"
    if head.error is not None:
        told += f", {head.error.named}"
    elif head.state.value == "running":
        told += f", {head.nodes_done} of {head.nodes_total} nodes are done"
    return told


def explanation(site: Site, run_id: str) -> str:
    """What `headrace runs explain` says."""
    found = site.in_process.explain(run_id)
    lines = [found.summary, *(f"- {reason.text}" for reason in found.reasons)]
    return "\n".join(lines)


def story(site: Site, run_id: str) -> str:
    """The run with its nodes, its attempts, and the traceback of what it failed of."""
    return "\n".join(_story(site, run_id))


def _story(site: Site, run_id: str) -> Iterator[str]:
    detail = site.in_process.detail(run_id)
    yield summary(site, run_id)
    for node in detail.nodes:
        progress = "" if node.map is None else f", {node.map.done} of {node.map.total} items"
        yield f"  {node.node}: {node.state.value}{progress}"
    attempts = site.in_process.attempts(run_id)
    if len(attempts) > ATTEMPTS_TOLD:
        yield f"  ... of {len(attempts)} attempts, the last {ATTEMPTS_TOLD}:"
    for one in attempts[-ATTEMPTS_TOLD:]:
        told = _attempt(one.node, one.item, one.attempt, one.state, one.delivery, one.error)
        yield f"  at +{(one.finished_at_us - detail.created_at_us) / 1e6:g} s {told}"
    if detail.state.value == "running":
        yield explanation(site, run_id)
    failed = [node.error for node in detail.nodes if node.error is not None and node.error.traceback]
    if detail.state.value == "failed" and failed:
        yield failed[0].traceback
