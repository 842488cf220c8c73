"""What a test that is part of a proof asks for: its size, and a place for its figures."""

from __future__ import annotations

import pytest

from tests.proof import form
from tests.proof.figures import Record, record


@pytest.fixture(scope="session")
def size() -> form.Size:
    """`size(200, long=1_000)`: 200 in CI, 1,000 in `just proof`."""
    return form.size


@pytest.fixture(scope="session")
def figures() -> Record:
    """`figures("worker deaths", 1)`: what docs/proof.md says beside the sentence."""
    return record
