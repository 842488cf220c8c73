"""The pytest plugin of `headrace.testing`: a fixture, its marker, and failures that tell the run's story.

Every start of pytest loads this module, also where nobody tests workflows, so it stands outside of the `headrace`
package and imports nothing of it before a test asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from headrace.testing import Environment

_FAILED = pytest.StashKey[bool]()
MARKER = (
    "headrace(*workflows, **options): what the fixture `headrace` deploys, and keywords of "
    "headrace.testing.Environment"
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def headrace(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """An open `headrace.testing.Environment`, made by the `headrace` markers of the test, its class and its module."""
    __tracebackhide__ = True
    from headrace.testing import Environment

    workflows: list[object] = []
    options: dict[str, object] = {}
    for marker in reversed(list(request.node.iter_markers("headrace"))):  # the closest has the last word
        workflows += marker.args
        options |= marker.kwargs
    environment = Environment(*workflows, **options)  # type: ignore[arg-type]
    environment.__enter__()
    try:
        yield environment
    finally:
        failed = AssertionError() if request.node.stash.get(_FAILED, False) else None
        environment.__exit__(None if failed is None else AssertionError, failed, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test need not hear of its unused faults too."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """`assert run.state == "succeeded"` shows why the run is in another state."""
    runs = sys.modules.get("headrace.testing.runs")
    if runs is None:
        return None
    for side in (left, right):
        if isinstance(side, runs.State):
            return [f"{left!r} {op} {right!r}", "", *side.why().splitlines()]
    return None
