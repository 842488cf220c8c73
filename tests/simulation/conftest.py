"""The marker of the slow half of these tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mutants: breaks the code on purpose; takes a minute or two")
