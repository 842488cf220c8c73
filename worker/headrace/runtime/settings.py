"""What an operator may set about a worker."""

from __future__ import annotations

import os

import msgspec

from headrace.bus import BusOptions
from headrace.runtime.log_limit import LINES_PER_S, LOG_BYTES, LogBounds
from headrace_protocol.errors import ConfigError
from headrace_protocol.subjects import check_token
from headrace_protocol.topology import DEFAULT_ACK_WAIT_S, Topology


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one worker process."""

    targets: tuple[str, ...]
    """Files and modules that define tasks: `pipeline.py`, `company.pipelines`."""
    bus: BusOptions = BusOptions(name="headrace-worker")
    namespace: str = "default"
    queues: tuple[str, ...] = ()
    """Empty: the queues that the loaded tasks name."""
    slots: int = 10
    """Attempts worked on at the same time."""
    processes: int = msgspec.field(default_factory=lambda: os.cpu_count() or 1)
    """Warm processes, for tasks with process isolation."""
    prefetch: int = 0
    """Tasks held beyond the slots: hides one hop for very short tasks, and keeps them from idle workers."""
    results: str = ""
    """Where large results go: empty for the bus' object store, or a URL that obstore opens."""
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    """For consumers that this worker has to create, where the coordinator has not said another one."""
    heartbeat_s: float = 5.0
    grace_s: float = 30.0
    """How long running attempts may go on after the worker was told to stop."""
    serve_old_code_s: float = 600.0
    """How long a worker that was told to stop goes on with tasks that unfinished runs need and that only it has."""
    cancel_grace_s: float = 5.0
    """How long a stopped task may clean up before its process is killed, or it is abandoned where it has none."""
    import_timeout_s: float = 300.0
    """How long a new process may take to import the tasks."""
    keep_spans: bool = True
    """Send spans over the bus, to be read without a tracing backend."""
    log_lines_per_s: int = LINES_PER_S
    """Lines a second that one attempt may log for long; 100 seconds' worth may come at once. The rest is dropped, and a
    line says so."""
    log_bytes: int = LOG_BYTES
    """What one attempt may log in all."""
    echo: bool = False
    """Also write what tasks log and print to this process' stderr."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("slots", self.slots, 1),
            ("processes", self.processes, 1),
            ("prefetch", self.prefetch, 0),
            ("log_lines_per_s", self.log_lines_per_s, 1),
            ("log_bytes", self.log_bytes, 1),
        ):
            if value < least:
                raise ConfigError("too small", where=name, found=str(value), expected=f"at least {least}")
        for name, seconds in (
            ("ack_wait_s", self.ack_wait_s),
            ("heartbeat_s", self.heartbeat_s),
            ("import_timeout_s", self.import_timeout_s),
        ):
            if seconds <= 0:
                raise ConfigError("not positive", where=name, found=str(seconds), expected="more than 0")
        for queue in self.queues:
            check_token(queue, "queue")

    @property
    def log_bounds(self) -> LogBounds:
        return LogBounds(self.log_lines_per_s, self.log_bytes)

    @property
    def topology(self) -> Topology:
        return Topology(self.namespace, ack_wait_s=self.ack_wait_s)

    @property
    def results_root(self) -> str:
        return self.results or f"nats://{self.topology.bucket}/"
