"""The commands of the documentation as a user types them: real processes, in a directory of their own."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

HEADRACE = (sys.executable, "-m", "headrace.cli")
READY_S = 60.0
DEADLINE_S = 90.0
POLL_S = 0.02

WORKFLOWS = '''
import time

from headrace import event, task, workflow


@task
def names(count: int) -> list[str]:
    print(f"making {count} names")
    return [f"name {number}" for number in range(count)]


@task(retries=2)
def greet(name: str) -> str:
    time.sleep(0.05)
    return f"Hello, {name}"


@task
def join(greetings: list[str]) -> str:
    return "; ".join(greetings)


@task
def refuse(reason: str) -> str:
    raise ValueError(reason)


@workflow(triggers=[event("names.wanted", params={"count": "event.data.count"})])
def hello(count: int = 3) -> str:
    """Greets some names."""
    return join(greet.map(names(count)))


@workflow
def refused(reason: str) -> str:
    return refuse(reason)
'''


class Shell:
    """A directory in which `headrace` is typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "OTEL_"))
        }

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        """Run a command to its end and return what it printed; its exit code has to be `code`."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*HEADRACE, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def json(self, *arguments: str) -> dict[str, object]:
        return msgspec.json.decode(self(*arguments, "--json"), type=dict[str, object])

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def started(text: str) -> str:
    """The run id in what `run` or `publish` printed."""
    found = re.search(r"\b([0-9a-v]{26})\b", text)
    assert found, text
    return found[1]


class DevState(msgspec.Struct):
    """`.headrace/dev.json`, which also tells where the parts are."""

    pid: int
    api: str
    nats: str
    coordinator_pid: int | None
    nats_pid: int | None
    worker_pids: list[int]


class Dev:
    """A running `headrace dev`."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self.shell = shell
        self.log = shell.folder / "dev.out"
        reading, writing = os.pipe()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*HEADRACE, "dev", "--port", "0", "--nats-port", "0", "--ready-fd", str(writing), *arguments],
                cwd=shell.folder,
                env=shell.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                start_new_session=True,
            )
        os.close(writing)
        readable, _, _ = select.select([reading], [], [], READY_S)
        said = os.read(reading, 1000) if readable else b""
        os.close(reading)
        if not said:
            self.stop()
            raise AssertionError(f"headrace dev did not get ready:\n{self.output()}")

    def state(self) -> DevState:
        return msgspec.json.decode((self.shell.folder / ".headrace/dev.json").read_bytes(), type=DevState)

    def pids(self) -> list[int]:
        state = self.state()
        found = [state.pid, state.coordinator_pid, state.nats_pid, *state.worker_pids]
        return [pid for pid in found if pid is not None]

    def output(self) -> str:
        return self.log.read_text()

    def wait_for_output(self, text: str) -> None:
        eventually(lambda: text in self.output(), lambda: f"{text!r} in\n{self.output()}")

    def stop(self, signum: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(DEADLINE_S)


def eventually(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for something another process does."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at, what()
        time.sleep(POLL_S)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def all_gone(pids: list[int]) -> None:
    eventually(lambda: not any(map(is_running, pids)), lambda: f"{[p for p in pids if is_running(p)]} run")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One `headrace dev` for tests that leave everything as it was."""
    shell = Shell(tmp_path_factory.mktemp("shared"))
    shell.write("flows.py", WORKFLOWS)
    dev = Dev(shell)
    yield dev
    dev.stop()


@pytest.fixture
def start_dev(shell: Shell) -> Iterator[Callable[..., Dev]]:
    """Starts `headrace dev` in the test's own directory."""
    started: list[Dev] = []

    def start(*arguments: str) -> Dev:
        started.append(Dev(shell, *arguments))
        return started[-1]

    yield start
    for dev in started:
        dev.stop()
