"""How a process ended, named from what its parent and the control group know."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from headrace.runtime.deaths import Death, crashed
from headrace.runtime.memory_limit import MemoryLimit

MIB = 1024 * 1024


def group(folder: Path, *, version: int, kills: int, limit: str, path: str = "/pod/worker") -> MemoryLimit:
    """A control group as the kernel shows it; `path` is where the process is told that it is."""
    if version == 2:
        place, names = folder / path.lstrip("/"), ("memory.events", "memory.max")
        membership = f"0::{path}\n"
    else:
        place, names = folder / "memory" / path.lstrip("/"), ("memory.oom_control", "memory.limit_in_bytes")
        membership = f"5:cpu,cpuacct:/\n4:memory:{path}\n0::/\n"
    place.mkdir(parents=True, exist_ok=True)
    (place / names[0]).write_text(f"low 0\nunder_oom 0\noom_kill {kills}\n")
    (place / names[1]).write_text(f"{limit}\n")
    (folder / "self").write_text(membership)
    return MemoryLimit(folder, folder / "self")


@pytest.mark.parametrize("version", [1, 2])
def test_the_group_is_read(tmp_path: Path, version: int) -> None:
    memory = group(tmp_path, version=version, kills=3, limit=str(512 * MIB))
    assert (memory.kills(), memory.limit_bytes()) == (3, 512 * MIB)


@pytest.mark.parametrize(("version", "limit"), [(2, "max"), (1, str((1 << 63) - 4096))])
def test_without_a_limit_it_is_the_machines_memory(tmp_path: Path, version: int, limit: str) -> None:
    found = group(tmp_path, version=version, kills=0, limit=limit).limit_bytes()
    assert found is not None
    assert found < 1 << 50


def test_a_group_that_is_named_from_outside_of_the_container_is_found_at_the_root(tmp_path: Path) -> None:
    group(tmp_path, version=2, kills=5, limit="max", path="/")
    (tmp_path / "self").write_text("0::/not/visible/here\n")
    assert MemoryLimit(tmp_path, tmp_path / "self").kills() == 5


def test_nothing_to_read(tmp_path: Path) -> None:
    assert MemoryLimit(tmp_path, tmp_path / "self").kills() is None


def told(
    tmp_path: Path, death: Death, *, kills_before: int | None = 0, kills: int = 0
) -> tuple[str, dict[str, str]]:
    memory = group(tmp_path, version=2, kills=kills, limit=str(512 * MIB))
    error = crashed(death, memory, kills_before).error
    assert error.code == "task.crashed"
    return error.message, error.details


def killed(used_mib: int) -> Death:
    return Death(pid=7, code=-signal.SIGKILL, max_rss_bytes=used_mib * MIB)


def test_out_of_memory(tmp_path: Path) -> None:
    message, details = told(tmp_path, killed(300), kills=1)
    assert message == (
        "the process that ran the task ran out of memory: the kernel killed it (SIGKILL), "
        "it used up to 300 MiB of 512 MiB"
    )
    assert details == {
        "pid": "7",
        "signal": "SIGKILL",
        "max_rss_bytes": str(300 * MIB),
        "memory_limit_bytes": str(512 * MIB),
        "out_of_memory": "yes",
    }


def test_probably_out_of_memory_where_the_counter_says_nothing(tmp_path: Path) -> None:
    message, details = told(tmp_path, killed(500), kills_before=None, kills=4)
    assert "probably out of memory" in message
    assert details["out_of_memory"] == "probably"


def test_a_kill_by_somebody_is_not_called_out_of_memory(tmp_path: Path) -> None:
    message, details = told(tmp_path, killed(100), kills_before=4, kills=4)
    assert "was killed by SIGKILL, and not by Headrace" in message
    assert "out_of_memory" not in details


def test_a_signal_that_is_not_a_kill_is_not_out_of_memory_either(tmp_path: Path) -> None:
    message, details = told(tmp_path, Death(pid=7, code=-signal.SIGSEGV), kills=1)
    assert "SIGSEGV (segmentation fault)" in message
    assert details == {"pid": "7", "signal": "SIGSEGV"}


def test_an_exit_code_and_none(tmp_path: Path) -> None:
    assert told(tmp_path, Death(pid=7, code=3))[1]["exit_code"] == "3"
    assert "unknown" in told(tmp_path, Death(pid=7, code=None))[0]
