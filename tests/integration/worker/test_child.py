"""A warm process ends with its worker, however that ended."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from pathlib import Path

from headrace.runtime.lanes.frames import Prepare, frame

TASKS = Path(__file__).parent / "sample_tasks.py"


def test_a_process_ends_with_a_worker_that_had_not_read_all_it_was_sent() -> None:
    ours, theirs = socket.socketpair()
    outputs, their_outputs = socket.socketpair(type=socket.SOCK_DGRAM)
    with theirs, outputs, their_outputs:
        ends = (theirs.fileno(), their_outputs.fileno())
        arguments = (ends[0], os.getpid(), ends[1])
        command = [sys.executable, "-m", "headrace.runtime.child", *map(str, arguments)]
        child = subprocess.Popen(command, pass_fds=ends)
    try:
        ours.sendall(frame(Prepare((str(TASKS),), False)))
        assert select.select([ours], [], [], 30)[0], "it never said that it is ready"
        ours.close()  # with its message unread: the other side is reset
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.wait()
