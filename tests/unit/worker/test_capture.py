"""Streams and log records that know their attempt."""

import logging
import sys
import threading
from contextvars import copy_context

import pytest

from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.capture import Capture
from headrace.runtime.lines import LINE_BYTES, bounded
from headrace_protocol.messages import LogLine, TaskMessage


def attempt(node: str) -> Attempt:
    message = TaskMessage(
        run_id="r", workflow="w", node=node, attempt=1, task=node, shard=0, queue="q", queued_at_us=0
    )
    return Attempt(message, None, "", 1)


@pytest.fixture
def lines() -> list[LogLine]:
    return []


def told(lines: list[LogLine]) -> list[tuple[str, str]]:
    return [(line.node, line.message) for line in lines]


def test_each_attempt_has_its_own_lines(lines: list[LogLine], capsys: pytest.CaptureFixture[str]) -> None:
    capture = Capture(lambda _, line: lines.append(line))
    try:
        print("outside")
        contexts = {name: copy_context() for name in "ab"}
        attempts = {name: attempt(name) for name in "ab"}
        for name, context in contexts.items():
            context.run(CURRENT.set, attempts[name])
        for name in ("a", "b", "a"):
            contexts[name].run(print, f"{name} says", end=" ")
        contexts["b"].run(print, "more")
        contexts["a"].run(sys.stderr.write, "one\ntwo\n")
        capture.finish(attempts["a"])
    finally:
        capture.close()
    assert told(lines) == [("b", "b says more"), ("a", "one"), ("a", "two"), ("a", "a says a says ")]
    assert capsys.readouterr().out == "outside\n"


def test_threads_of_an_attempt(lines: list[LogLine], capsys: pytest.CaptureFixture[str]) -> None:
    capture = Capture(lambda _, line: lines.append(line))
    try:
        context = copy_context()
        context.run(CURRENT.set, attempt("a"))
        thread = threading.Thread(target=context.run, args=(print, "from a thread"))
        thread.start()
        thread.join()
    finally:
        capture.close()
    assert told(lines) == [("a", "from a thread")]


def test_log_records(lines: list[LogLine]) -> None:
    capture = Capture(lambda _, line: lines.append(line))
    try:
        token = CURRENT.set(attempt("a"))
        log = logging.getLogger("test.capture")
        log.info("seven is %d", 7)
        try:
            raise ValueError("oh")
        except ValueError:
            log.exception("failed")
        CURRENT.reset(token)
        log.info("outside")
    finally:
        capture.close()
    first, failed = lines
    assert (first.message, first.level, first.logger) == ("seven is 7", "info", "test.capture")
    assert "ValueError: oh" in failed.message


def test_progress_bars_show_their_last_state(lines: list[LogLine]) -> None:
    capture = Capture(lambda _, line: lines.append(line))
    bar = attempt("a")
    try:
        token = CURRENT.set(bar)
        for percent in range(101):
            sys.stderr.write(f"\r{percent}%")
        print("dos\r")
        capture.finish(bar)
        CURRENT.reset(token)
    finally:
        capture.close()
    assert told(lines) == [("a", "dos"), ("a", "100%")]


@pytest.mark.parametrize("text", ["x" * 100_000, "ü" * 20_000, "\N{GRINNING FACE}" * 9_000])
def test_long_lines_are_cut(text: str) -> None:
    cut = bounded(text)
    assert len(cut.encode()) <= LINE_BYTES
    assert cut.endswith("[cut]")


def test_lone_surrogates_become_escapes() -> None:
    assert bounded("file \udc80") == "file \\udc80"
