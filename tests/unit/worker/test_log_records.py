"""Tasks configure `logging`, and nobody else is silenced."""

import io
import logging
import logging.config
from collections.abc import Callable, Iterator
from contextvars import copy_context

import pytest

from headrace.context import context
from headrace.runtime.attempt import CURRENT
from tests.unit.worker.capturing import attempt, captured

CONFIGURATION = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
CONFIGURATIONS: dict[str, Callable[[], None]] = {
    "dictConfig": lambda: logging.config.dictConfig(CONFIGURATION),
    "basicConfig": lambda: logging.basicConfig(level=logging.ERROR, force=True, stream=io.StringIO()),
    "disable": lambda: logging.disable(logging.CRITICAL),
}


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.disable(logging.NOTSET)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


def speak() -> None:
    context().log.info("by the context's logger")
    logging.getLogger("tests.records").info("by one of its own")


SPOKEN = ["by the context's logger", "by one of its own"]


@pytest.mark.parametrize("configure", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_the_next_attempts_are_heard(configure: Callable[[], None]) -> None:
    logging.getLogger("tests.records")
    with captured() as kept:
        with kept.inside("configures"):
            configure()
        with kept.inside("next"):
            speak()
    assert kept.of("next") == SPOKEN
    assert [(line.level, line.stream, line.logger) for line in kept.lines] == [
        ("info", "logging", "headrace.task"),
        ("info", "logging", "tests.records"),
    ]


@pytest.mark.parametrize("configure", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_attempts_beside_it_are_heard(configure: Callable[[], None]) -> None:
    logging.getLogger("tests.records")
    with captured() as kept, kept.inside("configures"):
        configure()
        with kept.inside("beside"):
            speak()
        speak()
    assert kept.of("beside") == SPOKEN
    assert kept.of("configures") == []  # it has asked for quiet, and has it


def test_a_record_is_one_line_whatever_handlers_there_are() -> None:
    with captured() as kept, kept.inside("a"):
        logging.basicConfig(force=True)  # a handler that writes to sys.stderr, which is captured as well
        logging.getLogger("tests.records").error("once")
        print("and a print")
    assert kept.of("a") == ["once", "and a print"]


def test_a_logger_that_does_not_propagate_is_heard() -> None:
    logger = logging.getLogger("tests.aside")
    logger.propagate = False
    with captured() as kept, kept.inside("a"):
        logger.warning("aside")
    assert kept.of("a") == ["aside"]


def test_levels_that_were_chosen_before_hold() -> None:
    noisy = logging.getLogger("tests.noisy")
    noisy.setLevel(logging.ERROR)
    try:
        with captured() as kept, kept.inside("configures"):
            logging.config.dictConfig(CONFIGURATION)
            with kept.inside("beside"):
                noisy.warning("not asked for")
                noisy.getChild("deep").error("asked for")
    finally:
        noisy.setLevel(logging.NOTSET)
    assert kept.of("beside") == ["asked for"]


def test_a_record_that_cannot_be_formatted_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.Logger, "hasHandlers", lambda _: False)  # pytest's would fail the test
    with captured() as kept, kept.inside("a"):
        logging.getLogger("tests.records").error("%d rows", "many")
    assert kept.of("a")[0].startswith("'%d rows' ('many',)")


def test_everything_is_put_back() -> None:
    names = ("callHandlers", "isEnabledFor", "handle")
    before = [getattr(logging.Logger, name) for name in names], logging.basicConfig
    with captured() as kept:
        one = copy_context()
        one.run(CURRENT.set, attempt("a"))
        one.run(logging.config.dictConfig, CONFIGURATION)
        assert kept.lines == []
    assert ([getattr(logging.Logger, name) for name in names], logging.basicConfig) == before
