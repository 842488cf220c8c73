"""An attempt in the user's own process."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import pytest

from headrace.cli.debugging import NodeInput, prepare, run_here
from headrace_protocol.codec import raw
from headrace_protocol.errors import HeadraceError, NotFound
from headrace_protocol.interval import Interval

FLOW = """
import sys
import threading
from headrace import Retry, context, task

@task
def look(n: int, name: str = "x") -> str:
    here = context()
    main = threading.current_thread() is threading.main_thread()
    return f"{n} {name} {here.run_id} {here.node} {here.item} {here.attempt} {here.interval.end:%H:%M} {main}"

@task
async def waits(n: int) -> int:
    return n + 1

@task(timeout=0.001, isolation="process")
def fails(n: int) -> int:
    divisor = n - n
    return n // divisor

@task
def leaves(n: int) -> int:
    sys.exit(3)

@task
def wrong(n: int) -> int:
    return "text"
"""


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "flow_to_debug.py"
    file.write_text(FLOW)
    monkeypatch.delitem(sys.modules, "flow_to_debug", raising=False)
    return str(file)


def given(task: str, **values: object) -> NodeInput:
    encoded = {name: raw(value) for name, value in (values or {"n": 7}).items()}
    return NodeInput(
        run_id="r1",
        workflow="w",
        node="place",
        task=task,
        values=encoded,
        item=4,
        attempt=2,
        interval=Interval(0, 3_600_000_000),
    )


def test_it_runs_here_with_its_context(flow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert threading.current_thread() is threading.main_thread()
    assert run_here(prepare(given("look"), [flow]), post_mortem=False, step=False) == 0
    printed = capsys.readouterr()
    assert printed.out == "'7 x r1 place 4 2 01:00 True'\n"
    assert "not recorded" in printed.err
    assert run_here(prepare(given("waits"), [flow]), post_mortem=False, step=False) == 0
    assert capsys.readouterr().out == "8\n"


def test_what_it_raises_is_shown_from_its_own_frame_on(flow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(prepare(given("fails"), [flow]), post_mortem=False, step=False) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "return n // divisor" in said
    assert "debugging.py" not in said
    assert "nothing is" in said
    assert run_here(prepare(given("leaves"), [flow]), post_mortem=False, step=False) == 1


def test_a_result_that_would_be_refused_is_told(flow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(prepare(given("wrong"), [flow]), post_mortem=False, step=False) == 1
    assert "not what the task declares" in capsys.readouterr().err


def test_post_mortem_opens_where_it_raised(
    flow: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[dict[str, object]] = []

    def post_mortem(traceback: object) -> None:
        while (following := traceback.tb_next) is not None:  # type: ignore[attr-defined]
            traceback = following
        opened.append(traceback.tb_frame.f_locals)  # type: ignore[attr-defined]

    monkeypatch.setattr("pdb.post_mortem", post_mortem)
    assert run_here(prepare(given("fails"), [flow]), post_mortem=True, step=False) == 1
    assert opened == [{"n": 7, "divisor": 0}]


def test_what_cannot_run_here_says_why(flow: str) -> None:
    with pytest.raises(NotFound, match="do not have the task 'gone'") as caught:
        prepare(given("gone"), [flow])
    assert "fails, leaves, look" in caught.value.found
    with pytest.raises(HeadraceError, match="does not fit the parameter 'n'"):
        prepare(given("look", n="seven"), [flow])


def test_the_apis_answer_is_read() -> None:
    body = msgspec.msgpack.encode(given("look"))
    assert msgspec.msgpack.decode(body, type=NodeInput) == given("look")
