"""What the watchdog runs until it is needed: a script without imports of ours, which looks at the worker's beat.

`idle.py BOARD_FD SOCKET_FD STACK_FD WORKER_PID PATH...`. It is run by its path, since importing the package would
triple what it uses.
"""

from __future__ import annotations

import mmap
import os
import select
import struct
import sys
import time

HEAD = struct.Struct("<QdIIB")
"""Beats, ack wait in seconds, how many processes there are, slot of the attempt that runs on the loop, whether the
worker is leaving."""
PROCESSES_AT = 64
"""Where in the shared memory the processes' ids are."""
SLOTS_AT, SLOT_BYTES = 64 * 1024, 1_024
"""Where in the shared memory deliveries are, and how far apart; each begins with its length, 0 for none."""
EAGER_S = 5.0
"""With a shorter ack wait there is no time to import and connect once the beat stands still."""


def interval_s(ack_wait_s: float) -> float:
    """Between two beats, and between two looks at them."""
    return min(max(ack_wait_s / 30, 0.05), 1.0)


def silence_s(ack_wait_s: float) -> float:
    """A beat that stands still for longer means a blocked loop."""
    return ack_wait_s / 6


def _all_end(pids: tuple[int, ...]) -> bool:
    """Whether the processes of a dead worker end by themselves, as those without a task do at once."""
    for _ in range(20):
        if not any(_exists(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _holds_something(memory: mmap.mmap) -> bool:
    return any(memory[at : at + 4] != bytes(4) for at in range(SLOTS_AT, len(memory), SLOT_BYTES))


def main() -> None:
    board, connection, stacks, worker = map(int, sys.argv[1:5])
    memory = mmap.mmap(board, 0)
    poll = select.poll()
    poll.register(connection, 0)  # only its end is of interest
    seen, since = -1, time.monotonic()
    looked = since
    while True:
        beats, ack_wait_s, processes, _, leaving = HEAD.unpack_from(memory)
        gone = bool(poll.poll(interval_s(ack_wait_s) * 1000)) or os.getppid() != worker
        if gone and (leaving or _all_end(struct.unpack_from(f"<{processes}I", memory, PROCESSES_AT))):
            return
        now = time.monotonic()
        if beats != seen or now - looked > 1 + 3 * interval_s(ack_wait_s):  # or we were stopped ourselves
            seen, since = beats, now
        looked = now
        still = beats > 0 and now - since > silence_s(ack_wait_s)
        if gone or ack_wait_s < EAGER_S or (still and _holds_something(memory)):
            break
    sys.path[:] = sys.argv[5:]
    from headrace.runtime.watchdog.guard import guard

    guard(memory, connection, stacks, worker, seen, since)


if __name__ == "__main__":
    main()
