"""Views as lines."""

import time

import pytest

from headrace.cli import output
from headrace.cli.output import table
from headrace.cli.rendering import listings, progress, runs, units
from headrace.cli.rendering.waterfall import waterfall_lines
from headrace.cli.views import (
    AttemptView,
    MapView,
    NodeView,
    QueueView,
    RunDetail,
    RunSummary,
    StoredView,
    TraceRow,
    TraceView,
    ValueView,
)
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LogLine

RUN = "0123456789abcdefghijklmnop"


def run(state: str = "succeeded", **changes: object) -> RunDetail:
    fields: dict[str, object] = {
        "run_id": RUN,
        "workflow": "hello",
        "version": "v" * 32,
        "state": state,
        "duration_s": 1.25,
        "nodes_done": 1,
        "nodes_total": 2,
    }
    return RunDetail(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.0123, "12 ms"),
        (1.25, "1.2 s"),
        (59.99, "1 min 00 s"),
        (3_725, "1 h 02 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert units.duration(seconds) == text


def test_sizes_and_times() -> None:
    assert [units.size(number) for number in (0, 999, 65_536, 3_000_000)] == [
        "0 B",
        "999 B",
        "64 KB",
        "2.86 MB",
    ]
    assert units.ago(1_000_000, 3_500_000) == "2.5 s ago"
    assert units.ago(3_500_000, 1_000_000) == "in 2.5 s"
    assert units.clip("one\ntwo", 10) == "one"
    assert units.clip("a" * 20, 5) == "aaaa…"


def test_a_table_aligns_numbers_right() -> None:
    assert table(("NAME", "N"), [("a", "1"), ("long", "20")]) == ["NAME   N", "a      1", "long  20"]


def test_a_failed_run_in_full() -> None:
    error = ErrorInfo(
        code="task.gave_up",
        message="a.csv, row 3: bad",
        where="validate",
        fix="Mend it.",
        traceback="File x.py",
        details={"row": "3"},
    )
    node = NodeView(node="validate", task="validate", state="failed", attempt=1, error=error)
    lines = runs.run_lines(run("failed", error=error, nodes=(node,), params={"month": 6}))
    text = "\n".join(lines)
    assert '{"month":6}' in text
    assert "failed  hello 0123456789 in 1.2 s" in lines
    for part in (
        "where:    validate",
        "fix:      Mend it.",
        "row:      3",
        "File x.py",
        "runs explain 0123456789",
    ):
        assert part in text
    assert "\x1b" not in text


def test_outputs_that_are_long_or_stored() -> None:
    stored = ValueView(stored=StoredView(uri="nats://b/k", size_bytes=65_536))
    assert runs.value_lines(stored) == ["64 KB at nats://b/k"]
    (line,) = runs.value_lines(ValueView(value="x" * 5_000))
    assert line.endswith("(5002 characters)")


def test_the_list_says_why() -> None:
    waiting = RunSummary(run_id=RUN, workflow="w", version="v", state="running")
    failed = RunSummary(
        run_id=RUN, workflow="w", version="v", state="failed", error=ErrorInfo(code="x", message="no\nmore")
    )
    text = "\n".join(runs.run_table([waiting, failed]))
    assert "no\n" in text + "\n"
    assert "more" not in text


def test_a_log_line_names_item_and_attempt() -> None:
    line = LogLine(run_id=RUN, node="greet", item=3, attempt=2, at_us=0, level="WARNING", message="a\nb")
    text = runs.log_text(line)
    assert "greet[3] #2  warning  a\n" in text


def test_what_a_terminal_would_obey_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07 over\rwritten"
    line = LogLine(run_id=RUN, node="greet", attempt=1, at_us=0, level="info", message=hostile)
    error = ErrorInfo(code="x", message=hostile, traceback=hostile, details={"row": hostile})
    failed = RunSummary(run_id=RUN, workflow="w", version="v", state="failed", error=error)
    output.say(
        runs.log_text(line),
        *runs.error_lines(error, traceback=True),
        *runs.run_table([failed]),
        output.as_json("\x9b"),
    )
    output.note(hostile)
    told = capsys.readouterr()
    for shown in (told.out, told.err):
        assert "\x1b[31mred\x1b[0m \\x1b[2J\\x1b]0;title\\x07 over\\rwritten" in shown
        assert not set(shown) & set("\r\x07\x9b")
        assert "\x1b[2J" not in shown


def trace(*rows: TraceRow) -> TraceView:
    return TraceView(run_id=RUN, trace_id="t" * 32, duration_s=10.0, rows=rows)


def test_a_waterfall() -> None:
    lines = waterfall_lines(
        trace(
            TraceRow(name="run hello", depth=0, offset_s=0, duration_s=10, critical=True),
            TraceRow(name="task a", depth=1, offset_s=0, duration_s=5, queue_wait_s=2.5, critical=True),
            TraceRow(name="attempt a", depth=2, offset_s=2.5, duration_s=2.5, queue_wait_s=2.5),
            TraceRow(name="task b", depth=1, offset_s=5, duration_s=5, status="running"),
            TraceRow(name="task c", depth=1, offset_s=9.9, duration_s=0.001, status="error", error="boom"),
        ),
        width=13 + 16 + 20,
    )
    bar_width = 20
    assert lines[1] == "* run hello     " + "█" * bar_width + "    10.0 s"
    assert lines[2] == "*   task a      " + "░" * 5 + "█" * 5 + " " * 10 + "     5.0 s"
    assert "░░░░░█████" in lines[3]
    assert "▒" * 10 in lines[4]
    assert lines[5].endswith("boom")
    assert "critical path" in lines[-1]


def test_a_long_trace_is_cut() -> None:
    rows = [TraceRow(name=f"task {n}", depth=0, offset_s=n, duration_s=1) for n in range(10)]
    assert "  … 7 more" in waterfall_lines(trace(*rows), 80, max_rows=3)
    assert waterfall_lines(trace(), 80) == ["the trace has no spans yet"]


def test_progress_in_a_pipe_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    def at(state: str, done: int, node_state: str) -> RunDetail:
        mapped = NodeView(
            node="greet", task="greet", state=node_state, map=MapView(total=4, done=done), duration_s=2.0
        )
        return run(state, nodes=(mapped,))

    with progress.Lines() as lines:
        for done in range(4):
            lines.show(at("running", done, "mapping"))
        lines.show(at("succeeded", 4, "succeeded"))
        lines.show(at("succeeded", 4, "succeeded"))
    assert capsys.readouterr().out.splitlines() == [
        "greet: mapping 0/4",
        "greet: succeeded 4/4 in 2.0 s",
        "hello 0123456789: succeeded in 1.2 s",
    ]


def test_bars_count_items() -> None:
    nodes = (
        NodeView(node="a", task="a", state="succeeded"),
        NodeView(node="b", task="b", state="mapping", map=MapView(total=10, done=4)),
        NodeView(node="c", task="c", state="waiting"),
    )
    (bar,) = progress.run_bars(run("running", nodes=nodes), {RUN: "a title"})
    assert (bar.title, bar.done, bar.total) == ("a title", 5, 12)
    assert [(one.done, one.total) for one in progress.node_bars(run(nodes=nodes))] == [
        (1, 1),
        (4, 10),
        (0, 1),
    ]


def test_bars_draw_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Bars(progress.node_bars) as bars:
        bars.tell("a [line]")
        bars.show(run("running", nodes=(NodeView(node="a", task="a", state="succeeded"),)))
    assert "a [line]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "integer"),
        ({"$ref": "#/$defs/Month"}, "Month"),
        ({"enum": ["a", 1]}, '"a" | 1'),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({}, "any"),
    ],
)
def test_types_of_params(schema: dict[str, object], text: str) -> None:
    assert listings.schema_type(schema) == text


def test_queues_tell_how_long_the_next_task_has_waited() -> None:
    an_hour_ago_us = time.time_ns() // 1_000 - 3_600_000_000
    waiting = QueueView(queue="gpu", priority="high", pending=2, oldest_us=an_hour_ago_us)
    _, first, second = listings.queue_table([waiting, QueueView(queue="cpu", priority="low")])
    assert first.split()[-4:] == ["h", "00", "min", "ago"]
    assert second.split()[-1] == "-"


def test_slow_attempts_name_their_item() -> None:
    from headrace.cli.demo.job import Finding
    from headrace.cli.demo.show import slowest_lines

    attempt = AttemptView(node="greet", item=2, attempt=1, state="succeeded", duration_s=1.0)
    finding = Finding(
        ok=True,
        problems=(),
        months={},
        failed=None,
        slowest=((RUN, attempt),),
        data="",
        results="",
        took_s={},
    )
    assert "greet[2]" in slowest_lines(finding)[1]
