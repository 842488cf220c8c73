"""What the processes of tasks start with, leave behind and end by."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from headrace.runtime import WorkerSettings
from headrace.runtime.deaths import RSS_UNIT_BYTES
from headrace.runtime.worker import Worker
from headrace_protocol import codec
from headrace_protocol.definition import Isolation
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import CancelAttempts, Outcome, OutcomeState, Result, TaskMessage
from tests.integration.worker.conftest import Fleet, WorkerProcess, running, task_message, until

TASKS = Path(__file__).parent / "process_tasks.py"
Spawn = Callable[..., WorkerProcess]


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    return msgspec.structs.replace(settings, targets=(str(TASKS),), cancel_grace_s=2.0)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def import_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What the module does when a process that is started from now on imports it."""
    path = tmp_path / "import"
    monkeypatch.setenv("SLOW_IMPORT", str(path))
    return path.write_text  # type: ignore[return-value]


@pytest.fixture
def here() -> Iterator[Path]:
    """The folder of the tests, and their environment, whatever a thread of the worker does."""
    folder, environment = Path.cwd(), dict(os.environ)
    yield folder
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)


def in_process(task: str, values: dict[str, object] | None = None, **more: object) -> TaskMessage:
    return task_message(task, values, isolation=Isolation.PROCESS, **more)


def value(outcome: Outcome) -> object:
    assert outcome.state is OutcomeState.SUCCEEDED, outcome.error
    assert isinstance(outcome.result, Result)
    return msgspec.msgpack.decode(outcome.result.value)


def failure(outcome: Outcome) -> tuple[str, str, dict[str, str]]:
    assert outcome.error is not None
    return outcome.error.code, outcome.error.message, outcome.error.details


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def written(mark: Path, text: str = "") -> str:
    async def there() -> bool:
        return mark.exists() and text in mark.read_text()

    await until(there)
    return mark.read_text()


async def all_gone(pids: list[int]) -> None:
    async def gone() -> bool:
        return not any(alive(pid) for pid in pids)

    await until(gone)


async def cancel(fleet: Fleet, message: TaskMessage) -> Outcome:
    request = CancelAttempts(run_id=message.run_id, reason="by hand")
    await fleet.client.publish(fleet.subjects.cancel, codec.encode(request))
    return await fleet.outcome()


# -- the clock


async def test_importing_takes_nothing_from_the_timeout(
    fleet: Fleet, settings: WorkerSettings, import_does: Callable[[str], None]
) -> None:
    worker = Worker(settings)
    async with running(worker):
        import_does("1.2")
        outcome = await fleet.run(in_process("exits", {"code": 1}))
        assert failure(outcome)[0] == ErrorCode.TASK_CRASHED
        assert isinstance(value(await fleet.run(in_process("whoami", timeout_s=0.6))), int)


async def test_a_start_is_not_lost_with_the_attempt_that_waited_for_it(
    fleet: Fleet, settings: WorkerSettings, import_does: Callable[[str], None], tmp_path: Path
) -> None:
    async with running(Worker(settings)) as worker:
        await fleet.run(in_process("whoami"))
        import_does("1.5")
        await fleet.run(in_process("exits", {"code": 1}))
        await written(tmp_path / "import.begun", "x")
        message = in_process("whoami")
        await fleet.publish(message)
        await until(lambda: _held(worker))
        assert failure(await cancel(fleet, message))[0] == ErrorCode.TASK_CANCELLED
        import_does("die")  # so that a start of its own would fail
        assert isinstance(value(await fleet.run(in_process("whoami"))), int)


async def _held(worker: Worker) -> bool:
    assert worker._parts is not None
    return any(True for _ in worker._parts._runner.held)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("die", "was to run the task and imported its module ended with exit code 7"),
        ("raise", "could not import the tasks: the import failed: LookupError: the model file is not there"),
        ("60", "did not finish importing the tasks within 2 s"),
    ],
)
async def test_a_process_that_cannot_import_says_why(
    fleet: Fleet, settings: WorkerSettings, import_does: Callable[[str], None], command: str, says: str
) -> None:
    async with running(Worker(msgspec.structs.replace(settings, import_timeout_s=2.0))):
        await fleet.run(in_process("whoami"))
        import_does(command)
        await fleet.run(in_process("exits", {"code": 1}))
        outcome = await fleet.run(in_process("whoami"))
        assert says in failure(outcome)[1]


# -- what is left of a stopped attempt


@pytest.mark.parametrize("task", ["shell", "orphans"])
async def test_a_cancelled_attempt_leaves_no_process(
    fleet: Fleet, settings: WorkerSettings, mark: Path, task: str
) -> None:
    async with running(Worker(settings)):
        message = in_process(task, {"mark": str(mark)})
        await fleet.publish(message)
        pids = [int(pid) for pid in (await written(mark)).split()]
        assert all(alive(pid) for pid in pids)
        assert failure(await cancel(fleet, message))[0] == ErrorCode.TASK_CANCELLED
        assert not [pid for pid in pids if alive(pid)], "the outcome came before the end"


async def test_nor_does_one_that_ran_out_of_time(fleet: Fleet, settings: WorkerSettings, mark: Path) -> None:
    async with running(Worker(settings)):
        outcome = await fleet.run(in_process("shell", {"mark": str(mark)}, timeout_s=1.0))
        assert failure(outcome)[0] == ErrorCode.TASK_TIMEOUT
        assert not [pid for pid in map(int, mark.read_text().split()) if alive(pid)]


async def test_nor_one_whose_process_died(fleet: Fleet, settings: WorkerSettings, mark: Path) -> None:
    async with running(Worker(settings)):
        await fleet.run(in_process("leaves_a_child_and_dies", {"mark": str(mark)}))

        async def gone() -> bool:  # it is killed at once, and may take a moment to die
            return not alive(int(mark.read_text()))

        await until(gone, 10)


@pytest.mark.parametrize("task", ["tidies", "tidies_async"])
async def test_a_stopped_task_may_clean_up(
    fleet: Fleet, settings: WorkerSettings, mark: Path, task: str
) -> None:
    async with running(Worker(settings)):
        message = in_process(task, {"mark": str(mark)})
        await fleet.publish(message)
        await written(mark, "started")
        await cancel(fleet, message)
        assert mark.read_text() == "cleaned up"


@pytest.mark.parametrize("task", ["refuses", "holds_the_lock"])
async def test_one_that_will_not_is_killed_after_the_grace(
    fleet: Fleet, settings: WorkerSettings, mark: Path, task: str
) -> None:
    async with running(Worker(msgspec.structs.replace(settings, cancel_grace_s=0.5))):
        message = in_process(task, {"mark": str(mark)})
        await fleet.publish(message)
        pid = int(await written(mark))
        await cancel(fleet, message)
        await all_gone([pid])
        assert isinstance(value(await fleet.run(in_process("whoami"))), int)


async def test_a_signal_of_somebody_else_is_left_to_the_worker(
    fleet: Fleet, settings: WorkerSettings, mark: Path
) -> None:
    """As systemd sends SIGTERM to everyone, and the worker is to let its tasks finish."""
    async with running(Worker(settings)):
        message = in_process("refuses", {"mark": str(mark)})
        await fleet.publish(message)
        pid = int(await written(mark))
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        assert alive(pid)
        outcome = await cancel(fleet, message)
        assert failure(outcome)[0] == ErrorCode.TASK_CANCELLED


async def test_a_forked_process_ends_on_sigterm(fleet: Fleet, settings: WorkerSettings) -> None:
    async with running(Worker(settings)):
        assert value(await fleet.run(in_process("terminates"))) == -signal.SIGTERM


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("raise", 1), ("return", 0)])
@pytest.mark.parametrize(
    ("task", "isolation"),
    [("forks", "process"), ("forks_in_a_thread", "thread"), ("forks_on_the_loop", "async")],
)
async def test_a_forked_process_does_not_go_on_as_the_worker(
    fleet: Fleet, settings: WorkerSettings, task: str, isolation: str, how: str, code: int
) -> None:
    """It comes back out of the task, and ends there; the next tasks run as ever."""
    async with running(Worker(msgspec.structs.replace(settings, processes=1))):
        for _ in range(2):
            message = task_message(task, {"how": how}, isolation=Isolation(isolation))
            assert value(await fleet.run(message)) == f"from the parent, {code}"


@pytest.mark.parametrize("how", ["kill", "drain", "second signal"])
@pytest.mark.parametrize("task", ["shell", "orphans", "holds_the_lock"])
async def test_nothing_outlives_the_worker(
    fleet: Fleet, spawn: Spawn, mark: Path, how: str, task: str
) -> None:
    worker = spawn(grace_s=0.1, cancel_grace_s=1.0)
    await fleet.publish(in_process(task, {"mark": str(mark)}))
    pids = [int(pid) for pid in (await written(mark)).split()]
    if how == "kill":
        worker.kill()
    else:
        worker.terminate()
        if how == "second signal":
            worker.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(worker.process.wait, 30)
    await all_gone(pids)


async def test_finally_runs_when_the_worker_is_killed(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn()
    await fleet.publish(in_process("tidies", {"mark": str(mark)}))
    await written(mark, "started")
    worker.kill()
    await written(mark, "cleaned up")


# -- what a warm process hands on


async def test_every_task_finds_what_the_first_one_found(
    fleet: Fleet, settings: WorkerSettings, tmp_path: Path
) -> None:
    async with running(Worker(settings)):
        pid = value(await fleet.run(in_process("whoami")))
        first = value(await fleet.run(in_process("looks")))
        changed = value(await fleet.run(in_process("leaves", {"folder": str(tmp_path)})))
        assert isinstance(first, dict)
        assert isinstance(changed, dict)
        unchanged = {name for name in first if first[name] == changed[name]}
        assert unchanged <= {"locale"}  # the machine's may be C already
        assert value(await fleet.run(in_process("looks"))) == first
        await asyncio.sleep(0.3)  # the alarm would ring
        assert value(await fleet.run(in_process("whoami"))) == pid


async def test_a_process_that_cannot_be_put_back_is_replaced(fleet: Fleet, settings: WorkerSettings) -> None:
    async with running(Worker(settings)):
        first = value(await fleet.run(in_process("lowers_for_good")))
        assert value(await fleet.run(in_process("whoami"))) != first


@pytest.mark.parametrize("task", ["whoami_fresh", "whoami_fresh_async"])
async def test_fresh_is_a_new_process_for_each_attempt(
    fleet: Fleet, settings: WorkerSettings, task: str
) -> None:
    async with running(Worker(settings)):
        messages = [task_message(task, isolation=Isolation.FRESH) for _ in range(3)]
        pids = [value(await fleet.run(message)) for message in messages]
        assert len(set(pids)) == 3
        await all_gone([pid for pid in pids if isinstance(pid, int)])


async def test_a_thread_that_moves_does_not_move_processes(
    fleet: Fleet, settings: WorkerSettings, tmp_path: Path, here: Path
) -> None:
    relative = msgspec.structs.replace(settings, targets=(os.path.relpath(TASKS),))
    async with running(Worker(relative)):
        first = value(await fleet.run(in_process("looks")))
        await fleet.run(task_message("moves", {"folder": str(tmp_path)}, isolation=Isolation.THREAD))
        await fleet.run(in_process("exits", {"code": 1}))
        assert value(await fleet.run(in_process("looks"))) == first


# -- named deaths


async def test_an_exit_is_named(fleet: Fleet, settings: WorkerSettings) -> None:
    async with running(Worker(settings)):
        code, message, details = failure(await fleet.run(in_process("exits", {"code": 3})))
    assert code == ErrorCode.TASK_CRASHED
    assert message == "the process that ran the task ended with exit code 3"
    assert details["exit_code"] == "3"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_signal_is_named(fleet: Fleet, settings: WorkerSettings, number: signal.Signals) -> None:
    async with running(Worker(settings)):
        outcome = await fleet.run(in_process("ends_by", {"signal_number": int(number)}))
    code, message, details = failure(outcome)
    assert code == ErrorCode.TASK_CRASHED
    assert number.name in message
    assert details["signal"] == number.name
    assert "out_of_memory" not in details


async def test_what_a_process_used_is_told_when_it_is_more_than_the_worker_has(
    fleet: Fleet, settings: WorkerSettings
) -> None:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES + 100_000_000
    async with running(Worker(settings)):
        outcome = await fleet.run(in_process("grows_and_dies", {"size_bytes": size}))
    _, message, details = failure(outcome)
    assert size < int(details["max_rss_bytes"]) < 2 * size
    assert "it used up to" in message
