"""Markers of the engine's tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mutants: breaks the code on purpose; takes ten seconds")
