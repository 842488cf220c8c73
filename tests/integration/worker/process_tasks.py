"""Tasks that leave something behind in the process that runs them."""

import ctypes
import decimal
import io
import locale
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from multiprocessing import get_context
from pathlib import Path

from headrace import task

SLOW = os.environ.get("SLOW_IMPORT")
if SLOW and Path(SLOW).exists():
    command = Path(SLOW).read_text()
    Path(f"{SLOW}.begun").write_text("x")
    if command == "die":
        os._exit(7)
    if command == "raise":
        raise LookupError("the model file is not there")
    time.sleep(float(command))


@task(isolation="process")
def whoami() -> int:
    return os.getpid()


@task(isolation="fresh")
def whoami_fresh() -> int:
    return os.getpid()


@task(isolation="fresh")
async def whoami_fresh_async() -> int:
    return os.getpid()


def seen() -> dict[str, str]:
    return {
        "folder": str(Path.cwd()),
        "token": os.environ.get("TOKEN", ""),
        "zone": time.tzname[0],
        "path": str("/nowhere" in sys.path),
        "umask": oct(_umask()),
        "handler": str(signal.getsignal(signal.SIGUSR1)),
        "blocked": str(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "alarm": str(signal.getitimer(signal.ITIMER_REAL)[0] > 0),
        "locale": locale.setlocale(locale.LC_ALL),
        "filters": str(len(warnings.filters)),
        "files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        "precision": str(decimal.getcontext().prec),
        "stdout": type(sys.stdout).__name__,
        "recursion": str(sys.getrecursionlimit()),
    }


def _umask() -> int:
    old = os.umask(0)
    os.umask(old)
    return old


@task(isolation="process")
def looks() -> dict[str, str]:
    return seen()


@task(isolation="process")
def leaves(folder: str) -> dict[str, str]:
    os.chdir(folder)
    os.environ.update(TOKEN="of the first run", TZ="Asia/Tokyo")
    time.tzset()
    del os.environ["PATH"]
    sys.path.insert(0, "/nowhere")
    os.umask(0o777)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.raise_signal(signal.SIGUSR2)  # waits, and would end the process once it is let through
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    locale.setlocale(locale.LC_ALL, "C")
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    decimal.getcontext().prec = 3
    sys.stdout = io.StringIO()
    sys.setrecursionlimit(5_000)
    return seen()


@task(isolation="process")
def lowers_for_good() -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(1)
    if os.getuid() == 0:
        os.setuid(65534)
    return os.getpid()


@task(isolation="process")
def shell(mark: str) -> int:
    """Starts a process in its group, one in a session of its own, and waits for a third."""
    away = subprocess.Popen(["sleep", "300"], start_new_session=True)
    near = subprocess.Popen(["sleep", "300"])
    waited = subprocess.Popen(["sleep", "300"])
    _write(mark, f"{os.getpid()} {away.pid} {near.pid} {waited.pid}")
    return waited.wait()


@task(isolation="process")
def orphans(mark: str) -> int:
    """A shell that is gone when the attempt is stopped, and what it left in a session of its own."""
    text = "setsid sleep 300 > /dev/null & echo $!"
    out = subprocess.run(["sh", "-c", text], stdout=subprocess.PIPE, text=True, check=True)
    _write(mark, f"{os.getpid()} {out.stdout.strip()}")
    time.sleep(60)
    return 0


@task(isolation="process")
def tidies(mark: str) -> None:
    _write(mark, "started")
    try:
        time.sleep(60)
    finally:
        _write(mark, "cleaned up")


@task(isolation="process")
async def tidies_async(mark: str) -> None:
    import asyncio

    _write(mark, "started")
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        _write(mark, "cleaned up")


@task(isolation="process")
def refuses(mark: str) -> None:
    """Goes on whatever is raised."""
    _write(mark, str(os.getpid()))
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


@task(isolation="process")
def holds_the_lock(mark: str) -> None:
    """Native code that never lets Python run: no handler can."""
    _write(mark, str(os.getpid()))
    ctypes.PyDLL(None).sleep(60)


def _sleep() -> None:
    time.sleep(60)


@task(isolation="process")
def terminates() -> int:
    """A process that is forked by the task ends on SIGTERM."""
    child = get_context("fork").Process(target=_sleep)
    child.start()
    child.terminate()
    child.join(20)
    return child.exitcode or 0


def _forks(how: str) -> str:
    child = os.fork()
    if child == 0:
        if how == "exit":
            sys.exit(3)
        if how == "raise":
            raise ValueError("from the child")
        return "from the child"
    return f"from the parent, {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}"


@task(isolation="process")
def forks(how: str) -> str:
    """The child comes back out of the task, as in scripts that fork."""
    return _forks(how)


@task
def forks_in_a_thread(how: str) -> str:
    return _forks(how)


@task
async def forks_on_the_loop(how: str) -> str:
    return _forks(how)


@task(isolation="process")
def exits(code: int) -> None:
    os._exit(code)


@task(isolation="process")
def grows_and_dies(size_bytes: int) -> None:
    held = bytearray(size_bytes)
    os.kill(os.getpid(), signal.SIGKILL)
    held.clear()


@task(isolation="process")
def ends_by(signal_number: int) -> None:
    os.kill(os.getpid(), signal_number)
    time.sleep(60)


@task(isolation="process")
def leaves_a_child_and_dies(mark: str) -> None:
    near = subprocess.Popen(["sleep", "300"])
    _write(mark, str(near.pid))
    os._exit(3)


@task
def moves(folder: str) -> None:
    os.chdir(folder)
    os.environ["TOKEN"] = "of a thread"


def _write(mark: str, text: str) -> None:
    """At once, so that whoever looks finds all of it or nothing."""
    path = Path(mark)
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)
