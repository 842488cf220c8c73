"""How a process ended, in words and as details of an error."""

from __future__ import annotations

import signal
import sys

import msgspec

from headrace.runtime.failures import Failure, failed
from headrace.runtime.memory_limit import MemoryLimit
from headrace_protocol.errors import ErrorCode

NEAR_THE_LIMIT = 0.8
"""A process that was killed with this share of the memory limit, or more, probably was killed for it."""
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""What getrusage(2) counts the resident set in."""


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a process, as its parent learns of it."""

    pid: int
    code: int | None
    """The exit code, or the negative number of the signal that ended it; None when somebody else has read it."""
    max_rss_bytes: int = 0
    """The most memory that it had resident; 0 when it is unknown: the system only tells what is more than the worker's
    own."""


def signal_name(number: int) -> str:
    """SIGSEGV, or the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def crashed(
    death: Death, memory: MemoryLimit, kills_before: int | None, *, doing: str = "ran the task"
) -> Failure:
    """The failure of an attempt whose process died. `kills_before` is the group's counter when the attempt began."""
    details = {"pid": str(death.pid)}
    if death.max_rss_bytes:
        details["max_rss_bytes"] = str(death.max_rss_bytes)
    subject = f"the process that {doing}"
    fix = ""
    if death.code is None:
        text = f"{subject} ended, and its exit code is unknown"
    elif death.code >= 0:
        details["exit_code"] = str(death.code)
        text = f"{subject} ended with exit code {death.code}"
        fix = "Something in the process called exit: look for os._exit, or for a native library that does."
    else:
        number = -death.code
        details["signal"] = signal_name(number)
        text, fix = _killed(subject, number, details, death, memory, kills_before)
    failure = failed(ErrorCode.TASK_CRASHED, text)
    changed = msgspec.structs.replace(failure.error, details=details, fix=fix or failure.error.fix)
    return msgspec.structs.replace(failure, error=changed)


def _killed(
    subject: str,
    number: int,
    details: dict[str, str],
    death: Death,
    memory: MemoryLimit,
    kills_before: int | None,
) -> tuple[str, str]:
    name, meaning = signal_name(number), (signal.strsignal(number) or "").lower()
    if number != signal.SIGKILL:
        fix = (
            ""
            if number == signal.SIGTERM
            else "A crash in native code: `python -X faulthandler` shows where."
        )
        return f"{subject} was ended by {name} ({meaning})", fix
    kills, limit = memory.kills(), memory.limit_bytes()
    if limit:
        details["memory_limit_bytes"] = str(limit)
    used = (
        f"it used up to {_size(death.max_rss_bytes)}"
        if death.max_rss_bytes
        else "how much it used is unknown"
    )
    of = f"{used} of {_size(limit)}" if limit else used
    more = "Give the worker more memory, fewer slots or processes, or let the task work on less at once."
    if kills is not None and kills_before is not None and kills > kills_before:
        details["out_of_memory"] = "yes"
        return f"{subject} ran out of memory: the kernel killed it (SIGKILL), {of}", more
    if limit and death.max_rss_bytes >= limit * NEAR_THE_LIMIT:
        details["out_of_memory"] = "probably"
        return f"{subject} was killed (SIGKILL), probably out of memory: {of}", more
    return f"{subject} was killed by SIGKILL, and not by Headrace; {of}", (
        "Look for whoever sends SIGKILL: an operator, a supervisor, or the kernel when memory runs out."
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1024**3:.1f} GiB" if size_bytes >= 1024**3 else f"{size_bytes / 1024**2:.0f} MiB"
