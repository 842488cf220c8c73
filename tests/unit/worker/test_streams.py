"""Assignments to `sys.stdout` hold for one attempt."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from tests.unit.worker.capturing import captured


def test_a_redirection_takes_the_lines_of_its_own_attempt_only() -> None:
    with captured() as kept:
        taken = io.StringIO()
        with kept.inside("a"), redirect_stdout(taken):
            print("of a")
            with kept.inside("b"):
                print("of b")
            print("of a again")
        with kept.inside("a"):
            print("after it")
    assert taken.getvalue() == "of a\nof a again\n"
    assert (kept.of("a"), kept.of("b")) == (["after it"], ["of b"])


def test_a_replaced_stream_ends_with_its_attempt() -> None:
    with captured() as kept:
        with kept.inside("a"):
            sys.stdout = io.StringIO()
            print("swallowed")
            assert sys.stdout.getvalue() == "swallowed\n"
        with kept.inside("b"):
            print("heard")
    assert kept.of("b") == ["heard"]


def test_nested_redirections_end_in_turn() -> None:
    with captured() as kept, kept.inside("a"):
        outer, inner = io.StringIO(), io.StringIO()
        with redirect_stdout(outer):
            print("outer")
            with redirect_stdout(inner):
                print("inner")
            print("outer again")
        print("none")
        with redirect_stderr(outer), redirect_stdout(sys.stderr):
            print("both")
    assert (outer.getvalue(), inner.getvalue()) == ("outer\nouter again\nboth\n", "inner\n")
    assert kept.of("a") == ["none"]


def test_what_is_outside_of_attempts_may_be_redirected_too(capsys: pytest.CaptureFixture[str]) -> None:
    with captured() as kept:
        taken = io.StringIO()
        with redirect_stdout(taken):
            print("nobody's")
            with kept.inside("a"):
                print("of a")
        print("let through")
    assert taken.getvalue() == "nobody's\n"
    assert kept.of("a") == ["of a"]
    assert capsys.readouterr().out == "let through\n"


def test_everything_is_put_back() -> None:
    before = sys.stdout, sys.stderr, type(sys)
    with captured():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr, type(sys)) == before


def test_bytes_are_text_of_the_attempt() -> None:
    with captured() as kept, kept.inside("a"):
        print("text", end=" ")
        sys.stdout.buffer.write("ü".encode()[:1])
        sys.stdout.buffer.write("ü".encode()[1:] + b"\xff bytes\n")
        sys.stdout.buffer.flush()
        with redirect_stdout(io.TextIOWrapper(io.BytesIO(), write_through=True)) as taken:
            sys.stdout.buffer.write(b"elsewhere")
            assert taken.buffer.getvalue() == b"elsewhere"  # type: ignore[attr-defined]
    assert kept.of("a") == ["text ü\\xff bytes"]


def test_a_closed_stream_still_works_for_others() -> None:
    with captured() as kept:
        with kept.inside("a"):
            sys.stdout.close()
            sys.stdout.buffer.close()
            print("on")
        with kept.inside("b"):
            print("and on")
    assert (kept.of("a"), kept.of("b")) == (["on"], ["and on"])


def test_what_is_no_text_is_refused_as_by_every_stream() -> None:
    with captured() as kept, kept.inside("a"), pytest.raises(TypeError, match="must be str, not bytes"):
        sys.stdout.write(b"bytes")  # type: ignore[arg-type]


def test_a_forked_process_does_not_write_into_this_ones_log() -> None:
    code = """if True:
        import os, sys
        from tests.unit.worker.capturing import captured
        with captured() as kept, kept.inside("a"):
            pid = os.fork()
            if pid == 0:
                print("of the copy", flush=True)
                os._exit(len(kept.lines))
            sys.exit(os.waitpid(pid, 0)[1])
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "of the copy\n"), done.stderr
