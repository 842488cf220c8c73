"""Threads work for the attempt that started them."""

import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import ThreadPool

import pytest

from headrace import context
from headrace.context import OutsideTask
from headrace.runtime.attempt import CURRENT
from tests.unit.worker.capturing import captured


def speak(name: str) -> str:
    print("print of", name)
    logging.getLogger("tests.threads").info("log of %s", name)
    return context().node


def test_threads_and_pools_are_their_attempts() -> None:
    with captured() as kept, kept.inside("a"):
        thread = threading.Thread(target=speak, args=("thread",))
        thread.start()
        thread.join()
        timer = threading.Timer(0, speak, ["timer"])
        timer.start()
        timer.join()
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(speak, ["pool"])) == ["a"]
        with ThreadPool(1) as other:
            assert other.map(speak, ["other"]) == ["a"]
    spoken = [f"{what} of {who}" for who in ("thread", "timer", "pool", "other") for what in ("print", "log")]
    assert kept.of("a") == spoken


def test_a_pool_that_attempts_share_works_for_whoever_submits() -> None:
    with captured() as kept, ThreadPoolExecutor(1) as shared:
        for node in ("a", "b"):
            with kept.inside(node):
                assert shared.submit(speak, node).result() == node
        assert shared.submit(CURRENT.get).result() is None
        with pytest.raises(OutsideTask):
            shared.submit(context).result()
    assert kept.of("b") == ["print of b", "log of b"]


def test_a_thread_that_starts_threads_hands_its_attempt_on() -> None:
    def nest(depth: int) -> None:
        print("depth", depth)
        if depth:
            thread = threading.Thread(target=nest, args=(depth - 1,))
            thread.start()
            thread.join()

    with captured() as kept, kept.inside("a"):
        nest(2)
    assert kept.of("a") == ["depth 2", "depth 1", "depth 0"]


def test_an_exception_that_ends_a_thread_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def bad() -> None:
        raise ValueError("raised in a thread")

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def odd() -> None:
        raise Odd

    with captured() as kept, kept.inside("a"):
        for target in (bad, odd, partial(exit, 3)):
            thread = threading.Thread(target=target, name="loader")
            thread.start()
            thread.join()
    first, second = kept.lines
    assert first.level == "error"
    assert first.message.splitlines()[0] == "thread loader ended with ValueError: raised in a thread"
    assert "in bad" in first.message
    assert "Odd" in second.message


def test_a_users_own_hook_is_called_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    with captured() as kept, kept.inside("a"):
        thread = threading.Thread(target=int, args=("x",))
        thread.start()
        thread.join()
    assert len(seen) == len(kept.lines) == 1


def test_lines_of_threads_do_not_mix() -> None:
    started, go = threading.Barrier(3), threading.Barrier(3)

    def halves(name: str) -> None:
        print(name, end=" ")
        started.wait(30)
        go.wait(30)
        print(name)

    with captured() as kept, kept.inside("a"):
        threads = [threading.Thread(target=halves, args=(name,)) for name in "xy"]
        for thread in threads:
            thread.start()
        started.wait(30)
        go.wait(30)
        for thread in threads:
            thread.join()
    assert sorted(kept.of("a")) == ["x x", "y y"]


def test_what_a_thread_leaves_unfinished_is_no_beginning_of_anothers_line() -> None:
    with captured() as kept, kept.inside("a"):
        for name in ("one", "two"):  # the second gets the id of the first
            thread = threading.Thread(target=print, args=(name,), kwargs={"end": ""})
            thread.start()
            thread.join()
    assert kept.of("a") == ["one", "two"]


def test_the_users_own_context_variables_stay_as_python_has_them() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    with captured() as kept, kept.inside("a"):
        variable.set("in the task")
        with ThreadPoolExecutor(1, initializer=variable.set, initargs=("of the pool",)) as pool:
            assert pool.submit(variable.get).result() == "of the pool"


def test_everything_is_put_back() -> None:
    before = threading.Thread.start, ThreadPoolExecutor.submit, threading.excepthook
    with captured():
        assert threading.Thread.start is not before[0]
    assert (threading.Thread.start, ThreadPoolExecutor.submit, threading.excepthook) == before
