"""A program whose lines go elsewhere is told of, once."""

import subprocess

import pytest

from headrace import shell
from headrace.runtime.attempt import CURRENT
from headrace.runtime.uncaptured import NOTICE
from headrace_protocol.definition import Isolation
from tests.unit.worker.capturing import captured


def test_the_process_for_an_attempt_is_not_a_program_of_its_task() -> None:
    """The worker starts it while it works for the attempt."""
    with captured() as kept, kept.inside("process"):
        attempt = CURRENT.get()
        assert attempt is not None
        attempt.isolation = Isolation.PROCESS
        subprocess.run(["true"], check=True)
    assert kept.of("process") == []


def test_a_program_that_prints_into_the_workers_terminal_is_told_of_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with captured() as kept:
        subprocess.run(["true"], check=True)
        with kept.inside("takes"):
            subprocess.run(["echo", "taken"], check=True, capture_output=True)
            subprocess.Popen(["true"], -1, None, None, subprocess.PIPE, subprocess.DEVNULL).communicate()
            shell("echo of shell")
        with kept.inside("leaves"):
            for _ in range(2):
                subprocess.run(["echo", "gone"], check=True)
            subprocess.check_output(["true"])
    assert kept.of("takes") == ["of shell"]
    assert kept.of("leaves") == [NOTICE]
    assert capfd.readouterr().out == "gone\ngone\n"
    assert subprocess.Popen.__init__.__module__ == "subprocess"
    assert not hasattr(subprocess.Popen.__init__, "__wrapped__")
