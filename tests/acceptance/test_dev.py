"""`headrace dev`: what it survives, what it reloads, and how it ends."""

import os
import shlex
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import WORKFLOWS, Dev, Shell, all_gone, eventually, started

Start = Callable[..., Dev]
ROOT = Path(__file__).parents[2]

SLOW = """
import time

from headrace import task, workflow


@task(retries=5)
def step(number: int) -> int:
    time.sleep(0.2)
    return number


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@workflow
def slow(count: int = 40) -> list[int]:
    return step.map(numbers(count))
"""


def test_the_getting_started_page(shell: Shell, start_dev: Start) -> None:
    dev = start_dev()
    assert "write a workflow into a .py file here" in dev.output()
    assert shell.json("workflows", "list") == {"workflows": []}
    page = (ROOT / "docs/getting-started.md").read_text()
    shell.write("hello.py", page.partition("```python\n")[2].partition("```")[0])
    dev.wait_for_output("deployed   hello")
    for line in page.splitlines():
        command = shlex.split(line) if line.startswith("    headrace ") else []
        if command[1:2] not in ([], ["demo"], ["dev"]):
            shell(*command[1:])
    assert shell("runs", "list").count("succeeded") == 2


def test_a_save_deploys_and_a_mistake_changes_nothing(shell: Shell, start_dev: Start) -> None:
    shell.write("flows.py", WORKFLOWS)
    dev = start_dev()
    assert "Hello, name 0" in shell("run", "hello", "-p", "count=1", "--wait")
    old = dev.state().worker_pids

    shell.write("flows.py", WORKFLOWS + "\ndef (:\n")
    dev.wait_for_output("not loaded: flows.py; what was deployed of it goes on")
    assert "invalid syntax" in dev.output() or "SyntaxError" in dev.output()
    assert dev.state().worker_pids == old
    assert "Hello, name 0" in shell("run", "hello", "-p", "count=1", "--wait")

    shell.write("flows.py", WORKFLOWS.replace("Hello, ", "Goodbye, "))
    eventually(lambda: dev.state().worker_pids not in ([], old), dev.output)
    all_gone(old)
    assert "Goodbye, name 0" in shell("run", "hello", "-p", "count=1", "--wait")


TICKING = """
from headrace import every, task, workflow


@task
def tick() -> int:
    return 1


@workflow(triggers=[every("1s")])
def ticking() -> int:
    return tick()
"""


@pytest.mark.timeout(240)
def test_a_workflow_that_is_removed_from_its_file_is_retired(shell: Shell, start_dev: Start) -> None:
    shell.write("flows.py", WORKFLOWS + TICKING.replace("from headrace import every, task, workflow\n", ""))
    text = (shell.folder / "flows.py").read_text()
    shell.write("flows.py", "from headrace import every\n" + text)
    dev = start_dev()
    shell.write("broken.py", "from headrace import task\n\n\n@task\ndef (:\n")
    dev.wait_for_output("not loaded: broken.py; what was deployed of it goes on")
    info = httpx.get(f"{dev.state().api}/api/v1/info", timeout=30).json()
    assert [failure["target"] for failure in info["load_failures"]] == ["broken.py"]
    shell.write("flows.py", WORKFLOWS)  # saved beside a broken file, and loaded all the same
    dev.wait_for_output("retired    ticking")
    assert "ticking   retired" in shell("workflows", "list")
    refused = shell.run("run", "ticking")
    assert refused.returncode == 1
    assert "the workflow is retired" in refused.stderr
    shell("workflows", "restore", "ticking")
    shell("workflows", "pause", "ticking", "--reason", "too much")
    assert "paused" in shell("workflows", "show", "ticking")
    assert "too much" in shell("workflows", "history", "ticking")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", ["worker", "coordinator", "nats"])
def test_a_part_that_is_killed_comes_back_and_the_run_finishes(
    shell: Shell, start_dev: Start, part: str
) -> None:
    shell.write("slow.py", SLOW)
    dev = start_dev("--workers", "2")
    run_id = started(shell("run", "slow"))
    state = dev.state()
    pid = {"worker": state.worker_pids[0], "coordinator": state.coordinator_pid, "nats": state.nats_pid}[part]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    name = {"worker": "worker 1", "coordinator": "coordinator", "nats": "nats-server"}[part]
    dev.wait_for_output(f"{name} is back")
    assert f"{name} died" in dev.output()
    assert "succeeded" in shell("runs", "watch", run_id, "--timeout", "80")
    assert "40/40" in shell("runs", "show", run_id)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_and_leaves_no_process(
    shell: Shell, start_dev: Start, signum: signal.Signals
) -> None:
    shell.write("flows.py", WORKFLOWS)
    dev = start_dev("--workers", "2")
    pids = dev.pids()
    assert len(pids) == 5
    assert dev.stop(signum) == 0
    all_gone(pids)
    assert not (shell.folder / ".headrace/dev.json").exists()
    assert "Traceback" not in dev.output()
    assert "died" not in dev.output()


def test_its_parts_end_with_it_when_it_is_killed(shell: Shell, start_dev: Start) -> None:
    shell.write("flows.py", WORKFLOWS)
    dev = start_dev()
    run_id = started(shell("run", "hello", "-p", "count=1", "--wait"))
    pids = dev.pids()
    dev.stop(signal.SIGKILL)
    all_gone(pids)
    # The file that names it is still there, and nobody is misled by it.
    assert shell.run("runs", "list", "--api", dev.state().api).returncode == 4
    again = start_dev()
    assert again.state().pid != dev.state().pid or again.process.pid == again.state().pid
    assert run_id[:10] in shell("runs", "list")


def test_a_port_that_is_taken_is_named_before_anything_starts(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for flag in ("--port", "--nats-port"):
            done = shell.run("dev", flag, port)
            assert done.returncode == 2
            assert f"port {port} is taken" in done.stderr
            assert f"{flag} 0" in done.stderr
    assert not (shell.folder / ".headrace").exists()


def test_a_second_one_in_the_same_directory_is_refused(shell: Shell, start_dev: Start) -> None:
    dev = start_dev()
    second = shell.run("dev", "--port", "0", "--nats-port", "0")
    assert second.returncode == 1
    assert "runs here already" in second.stderr
    assert dev.state().api in second.stderr
    elsewhere = shell.run(
        "coordinator", "--store", f"sqlite:///{shell.folder}/.headrace/headrace.db", "--port", "0"
    )
    assert elsewhere.returncode != 0
    assert "another coordinator" in elsewhere.stderr.lower()


def test_ephemeral_leaves_nothing(shell: Shell, start_dev: Start) -> None:
    shell.write("flows.py", WORKFLOWS)
    dev = start_dev("--ephemeral")
    assert "Hello, name 0" in shell("run", "hello", "-p", "count=1", "--wait")
    dev.stop()
    assert not (shell.folder / ".headrace").exists()
