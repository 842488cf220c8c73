"""The mutation check is asked for by name: it runs the adversary against a dozen broken engines."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "mutants: broken engines that the adversary must catch (`just mutants`)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "mutants" in config.getoption("-m"):
        return
    asked_for = [item for item in items if item.get_closest_marker("mutants") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in asked_for])
    items[:] = asked_for
