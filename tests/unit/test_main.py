"""What the coordinator's process says on stderr."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from headrace_coordinator.main import configure_logging


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The root of our loggers, left as it was found."""
    found = logging.getLogger("headrace")
    before = (found.handlers, found.level, found.propagate)
    yield found
    found.handlers, found.level, found.propagate = before


def _fail(variable: str) -> None:
    raise LookupError("gone")


def said(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> str:
    configure_logging()
    try:
        _fail("of the" + " frame")
    except LookupError:
        logger.exception("it failed")
    return capsys.readouterr().err


def test_tracebacks_are_plain(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """One with the variables of every frame takes seconds to render, and the loop stands still meanwhile."""
    entry = json.loads(said(logger, capsys))
    assert (entry["event"], entry["level"], entry["logger"]) == ("it failed", "error", "headrace")
    assert entry["exception"].startswith("Traceback (most recent call last):\n")
    assert entry["exception"].endswith("LookupError: gone")


def test_in_a_terminal_too(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    text = said(logger, capsys)
    assert "it failed" in text
    assert "\nTraceback (most recent call last):\n" in text
    assert "LookupError: gone" in text
    assert "of the frame" not in text
