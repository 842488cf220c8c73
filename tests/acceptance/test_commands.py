"""Reading, publishing and starting, against a running `headrace dev`."""

import re

import msgspec
import nats

from headrace.cli.views import DeadLetterPage, RunDetail, TraceView
from tests.acceptance.conftest import Dev, eventually, started


class JaegerFile(msgspec.Struct):
    data: list[dict[str, object]]


def test_run_wait_and_look_at_it(shared: Dev) -> None:
    shell = shared.shell
    said = shell("run", "hello", "-p", "count=3", "--wait")
    run_id = started(said)
    assert "greet: succeeded 3/3" in said
    assert '"Hello, name 0; Hello, name 1; Hello, name 2"' in said
    assert f"headrace runs trace {run_id[:10]}" in said
    assert "\x1b[" not in said

    shown = shell("runs", "show", run_id[:6])
    assert run_id in shown
    assert "3/3" in shown
    assert run_id[:10] in shell("runs", "list", "--state", "succeeded", "--workflow", "hello")
    assert "making 3 names" in shell("runs", "logs", "-f", run_id)
    assert "succeeded: 3 nodes" in shell("runs", "explain", run_id)
    assert "run.succeeded" in shell("runs", "history", run_id)
    waterfall = shell("runs", "trace", run_id)
    assert re.search(r"^\* +run hello +█", waterfall, re.MULTILINE)
    assert re.search(r"attempt greet", waterfall)


def test_publish_starts_a_run_once_and_watch_follows_it(shared: Dev) -> None:
    shell = shared.shell
    first = shell("publish", "names.wanted", "--data", '{"count": 2}', "--id", "once", "--source", "/tests")
    run_id = started(first)
    again = shell("publish", "names.wanted", "--data", '{"count": 2}', "--id", "once", "--source", "/tests")
    assert started(again) == run_id
    assert "succeeded" in shell("runs", "watch", run_id)
    assert run_id[:10] in shell("runs", "list", "--event", "once")
    shell.write("event.json", '{"count": 1}')
    assert started(shell("publish", "names.wanted", "--data", "@event.json")) != run_id
    assert "no trigger listens to nobody.cares; known types are" in shell("publish", "nobody.cares")


def test_publish_and_deploy_over_nats(shared: Dev) -> None:
    shell, nats = shared.shell, shared.state().nats
    shell("publish", "names.wanted", "--data", '{"count": 1}', "--id", "bus", "--nats", nats)

    def runs() -> str:
        return shell("runs", "list", "--event", "bus", "--json")

    eventually(lambda: '"hello"' in runs(), runs)
    assert "unchanged" in shell("deploy", "flows.py", "--nats", nats)


def test_a_failed_run_says_where_and_exits_with_1(shared: Dev) -> None:
    shell = shared.shell
    said = shell("run", "refused", "-p", "reason=too late", "--wait", code=1)
    run_id = started(said)
    assert "failed" in said
    assert "too late" in said
    assert "where:" in said
    assert "flows.py" in said
    assert "headrace runs explain" in said
    assert shell("runs", "watch", run_id, code=1)
    assert "too late" in shell("runs", "explain", run_id)


def test_json_is_the_apis_own(shared: Dev) -> None:
    shell = shared.shell
    run_id = started(shell("run", "hello", "--wait"))
    run = msgspec.json.decode(shell("runs", "show", run_id, "--json"), type=RunDetail)
    assert (run.run_id, run.state, len(run.nodes)) == (run_id, "succeeded", 3)
    trace = msgspec.json.decode(shell("runs", "trace", "latest", "--json"), type=TraceView)
    assert trace.rows
    assert {one["name"] for one in shell.json("workflows", "list")["workflows"]} == {"hello", "refused"}
    assert len(shell.json("workers")["workers"]) == 1
    assert shell.json("queues")["queues"]
    assert "dead_letters" in shell.json("deadletters", "list")
    detail = msgspec.json.decode(shell("run", "hello", "--wait", "--json"), type=RunDetail)
    assert detail.output is not None


def test_jaeger_file(shared: Dev) -> None:
    shell = shared.shell
    run_id = started(shell("run", "hello", "--wait"))
    shell("runs", "trace", run_id, "--jaeger-json", "trace.json")
    written = (shell.folder / "trace.json").read_bytes()
    document = msgspec.json.decode(written, type=JaegerFile)
    assert document.data[0]["spans"]


def test_an_idempotency_key_starts_one_run(shared: Dev) -> None:
    shell = shared.shell
    first = started(shell("run", "hello", "--idempotency-key", "monday"))
    again = shell("run", "hello", "--idempotency-key", "monday")
    assert started(again) == first
    assert "had started it before" in again


def test_mistakes_have_their_exit_codes(shared: Dev) -> None:
    shell = shared.shell
    missing = shell.run("runs", "show", "zzzz")
    assert missing.returncode == 3
    assert "there is no such run" in missing.stderr
    assert shell.run("run", "nothing").returncode == 3
    wrong = shell.run("run", "hello", "-p", "count=many")
    assert wrong.returncode == 2
    assert "params" in wrong.stderr
    assert "count" in wrong.stderr
    data = shell.run("publish", "names.wanted", "--data", "{count: 2}")
    assert data.returncode == 2
    assert "not JSON" in data.stderr
    assert shell.run("publish", "not..a.type").returncode == 2
    assert shell.run("runs", "lst").returncode == 2
    gone = shell.run("runs", "list", "--api", "http://127.0.0.1:9")
    assert gone.returncode == 4
    assert "headrace dev" in gone.stderr
    assert shell.run("publish", "a.b", "--nats", "nats://127.0.0.1:9").returncode == 4
    shell.write("broken.py", "from headrace import task, workflow\n\n@workflow\ndef broken(:\n")
    broken = shell.run("deploy", "broken.py")
    assert broken.returncode == 2
    assert "broken.py" in broken.stderr
    for done in (missing, wrong, data, gone):
        assert "Traceback" not in done.stderr


def test_cancel_and_timeout(shared: Dev) -> None:
    shell = shared.shell
    run_id = started(shell("run", "hello", "-p", "count=20000"))
    late = shell.run("runs", "watch", run_id, "--timeout", "0.2")
    assert late.returncode == 5
    assert "not finished after 0.2 s" in late.stderr
    assert "cancelled" in shell("runs", "cancel", run_id, "--reason", "enough")
    assert shell.run("runs", "watch", run_id).returncode == 1
    assert shell.run("runs", "cancel", run_id).returncode == 1


async def test_a_message_nobody_understands_is_kept_and_redriven(shared: Dev) -> None:
    shell = shared.shell
    client = await nats.connect(shared.state().nats, allow_reconnect=False, connect_timeout=30)
    await client.jetstream().publish("hr.default.event.names.wanted", b"not an event")
    await client.close()
    eventually(lambda: "protocol." in shell("deadletters", "list"), lambda: shell("deadletters", "list"))
    letters = msgspec.json.decode(shell("deadletters", "list", "--json"), type=DeadLetterPage).dead_letters
    letter_id = letters[0].letter_id
    shown = shell("deadletters", "show", letter_id[:8])
    assert "not an event" in shown
    assert "fix:" in shown
    assert "published again" in shell("deadletters", "redrive", letter_id)
    assert shell.run("deadletters", "show", "nothing").returncode == 3
