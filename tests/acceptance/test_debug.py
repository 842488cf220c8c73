"""`headrace debug` against a running `headrace dev`: a terminal's input reaches the debugger in the task."""

from pathlib import Path

from tests.acceptance.conftest import Dev, started


def test_a_task_runs_here_under_the_debugger_and_nothing_is_recorded(shared: Dev) -> None:
    shell = shared.shell
    run_id = started(shell("run", "refused", "-p", "reason=closed", "--wait", code=1))
    flow = next(Path(shell.folder).glob("*.py")).name
    history = shell("runs", "history", run_id)

    failed = shell.run("debug", run_id[:10], "refuse", flow, "--post-mortem", stdin="p reason\nq\n")
    assert failed.returncode == 1, failed.stderr
    assert "Nothing is recorded" in failed.stderr
    assert "ValueError: closed" in failed.stderr
    assert "'closed'" in failed.stdout

    stepped = shell.run("debug", run_id, "refuse", flow, "--step", stdin="p reason + '!'\nc\n")
    assert "'closed!'" in stepped.stdout

    assert shell("runs", "history", run_id) == history
    assert run_id in shell("runs", "show", run_id)


def test_an_item_of_a_map(shared: Dev) -> None:
    shell = shared.shell
    run_id = started(shell("run", "hello", "-p", "count=3", "--wait"))
    flow = next(Path(shell.folder).glob("*.py")).name
    assert shell("debug", run_id, "greet", flow, "--item", "2") == "'Hello, name 2'\n"
    wrong = shell.run("debug", run_id, "greet", flow)
    assert wrong.returncode == 2, wrong.stderr
    assert "an item from 0 to 2" in wrong.stderr


def test_a_run_by_hand_for_a_time(shared: Dev) -> None:
    shell = shared.shell
    times = ("--scheduled-at", "2026-01-02T06:00", "--interval", "2026-01-01", "2026-01-02")
    run_id = started(shell("run", "hello", *times))
    shown = shell("runs", "show", run_id)
    assert "covers   2026-01-01" in shown
    assert "when it was scheduled" in shown
    wrong = shell.run("run", "hello", "--interval", "2026-01-02", "2026-01-01")
    assert wrong.returncode == 2
    assert "the interval holds nothing" in wrong.stderr
