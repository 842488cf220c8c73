"""What every test shares: the asyncio backend and Hypothesis' profiles."""

import os

import pytest
from hypothesis import settings

from tests.proof.fixtures import figures, size

__all__ = ["anyio_backend", "figures", "size"]

# A deadline per example measures the machine, not the code; CI draws the same examples every time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
