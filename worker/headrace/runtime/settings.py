"""What an operator may set about a worker."""

from __future__ import annotations

import os

import msgspec

from headrace.bus import BusOptions
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
    """For consumers that this worker has to create."""
    heartbeat_s: float = 5.0
    grace_s: float = 30.0
    """How long running attempts may go on after the worker was told to stop."""
    serve_old_code_s: float = 600.0
    """How long a worker that was told to stop goes on with tasks that unfinished runs need and that only it has."""
    cancel_grace_s: float = 5.0
    """How long a cancelled async task may clean up before it is abandoned."""
    keep_spans: bool = True
    """Send spans over the bus, to be read without a tracing backend."""
    echo: bool = False
    """Also write what tasks log and print to this process' stderr."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("slots", self.slots, 1),
            ("processes", self.processes, 1),
            ("prefetch", self.prefetch, 0),
        ):
            if value < least:
                raise ConfigError("too small", where=name, found=str(value), expected=f"at least {least}")
        for name, seconds in (("ack_wait_s", self.ack_wait_s), ("heartbeat_s", self.heartbeat_s)):
            if seconds <= 0:
                raise ConfigError("not positive", where=name, found=str(seconds), expected="more than 0")
        for queue in self.queues:
            check_token(queue, "queue")

    @property
    def topology(self) -> Topology:
        return Topology(self.namespace, ack_wait_s=self.ack_wait_s)

    @property
    def results_root(self) -> str:
        return self.results or f"nats://{self.topology.bucket}/"
