"""Bad messages on every subject that the coordinator reads: each ends in the dead letters, and nothing else stops."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import msgspec
import pytest
from nats.aio.client import Client

from headrace_protocol.codec import encode, raw
from headrace_protocol.deliveries import Rejected
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.ids import derived_run_id
from headrace_protocol.messages import (
    CancelRun,
    LogBatch,
    LogLine,
    Outcome,
    OutcomeBatch,
    OutcomeState,
    Result,
    Span,
    SpanBatch,
    StartRun,
)
from tests.integration.shared import letter_where, letters, small_cluster, still_works
from tests.support.cluster import Cluster, eventually

INPUT = "hr.default.in.0"
STRUCTURED = {"content-type": "application/cloudevents+json"}


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with small_cluster(tmp_path_factory.mktemp("bad")) as started:
        yield started


@pytest.fixture(scope="module")
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    connection = await cluster.connect()
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
async def goes_on(cluster: Cluster) -> AsyncIterator[None]:
    yield
    await still_works(cluster)


def outcome(**changes: object) -> Outcome:
    plain = Outcome(
        run_id="nobody",
        node="add",
        attempt=1,
        state=OutcomeState.SUCCEEDED,
        started_at_us=1,
        finished_at_us=2,
        worker="w",
        result=Result(raw(1)),
    )
    return msgspec.structs.replace(plain, **changes)


SUBJECTS = [
    f"{INPUT}.outcome.default",
    f"{INPUT}.command.someone",
    f"{INPUT}.rejected.default",
    "hr.default.event.numbers.came",
    "hr.default.log.default",
    "hr.default.span.default",
]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("body", [b"", b"\xc1\xff", b"\x93\x01\x02\x03", b"{", b"\x91" * 5_000 + b"\xc0"])
async def test_malformed(cluster: Cluster, client: Client, subject: str, body: bytes) -> None:
    before = len(await letters(cluster))
    ack = await client.jetstream().publish(subject, body)
    letter = await letter_of(cluster, before)
    assert letter["subject"] == subject
    assert letter["error"]["code"] in ("protocol.malformed", "protocol.unknown_kind")
    assert await acknowledged(client, ack.stream)


async def letter_of(cluster: Cluster, before: int) -> dict[str, dict[str, str]]:
    """The one letter that is new."""

    async def there() -> bool:
        return len(await letters(cluster)) == before + 1

    await eventually(there, 30, lambda: "no new dead letter")
    return (await letters(cluster))[0]


async def acknowledged(client: Client, stream: str) -> bool:
    """Nothing of the stream is left to deliver again."""

    async def settled() -> bool:
        names = await client.jetstream().consumers_info(stream)
        return not any(one.num_ack_pending or one.num_pending for one in names)

    await eventually(settled, 30, lambda: f"{stream} holds messages")
    return True


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if ".event." not in s])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Headrace-Version": "99"}, "protocol.version"),
        ({"Headrace-Version": "many"}, "protocol.version"),
        ({"Content-Type": "text/html"}, "protocol.malformed"),
    ],
)
async def test_a_protocol_from_the_future(
    cluster: Cluster, client: Client, subject: str, headers: dict[str, str], code: str
) -> None:
    before = len(await letters(cluster))
    await client.jetstream().publish(subject, encode({}), headers=headers)
    assert (await letter_of(cluster, before))["error"]["code"] == code


async def test_a_kind_of_input_that_is_not_known(cluster: Cluster, client: Client) -> None:
    await client.jetstream().publish(f"{INPUT}.nonsense.someone", b"")
    letter = await letter_where(cluster, subject=".nonsense.")
    assert letter["error"]["code"] == "protocol.unknown_kind"


@pytest.mark.parametrize("subject", [f"{INPUT}.outcome", f"{INPUT}.outcome.default.more"])
async def test_a_subject_that_is_no_inputs(cluster: Cluster, client: Client, subject: str) -> None:
    before = len(await letters(cluster))
    await client.jetstream().publish(subject, encode(OutcomeBatch((outcome(),))))
    assert (await letter_of(cluster, before))["error"]["code"] == "protocol.unroutable"


async def test_a_command_of_an_unknown_kind(cluster: Cluster, client: Client) -> None:
    before = len(await letters(cluster))
    await client.jetstream().publish(f"{INPUT}.command.me", encode({"type": "dance", "run_id": "x"}))
    assert (await letter_of(cluster, before))["error"]["code"] == "protocol.unknown_kind"


async def test_an_outcome_of_an_unknown_run(cluster: Cluster, client: Client) -> None:
    before = len(await letters(cluster))
    await client.jetstream().publish(f"{INPUT}.outcome.default", encode(OutcomeBatch((outcome(),))))
    letter = await letter_of(cluster, before)
    assert (letter["error"]["code"], letter["error"]["found"]) == ("protocol.unroutable", "nobody")


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "no such node"},
        {"item": 3},
        {"item": 2**64 - 1},
        {"item": -(2**63)},
        {"attempt": 2**64 - 1},
        {"started_at_us": 2**64 - 1, "attempt": 7},
        {"state": OutcomeState.FAILED, "lost_input": "nowhere", "attempt": 9},
    ],
)
async def test_an_outcome_that_fits_nothing(
    cluster: Cluster, client: Client, changes: dict[str, object]
) -> None:
    """Recorded as ignored, or a dead letter where it cannot even be that."""
    run_id = await cluster.start_run("quick", number=1)
    await cluster.finished(run_id)
    batch = OutcomeBatch((outcome(run_id=run_id, **changes),))
    await client.jetstream().publish(f"{INPUT}.outcome.default", encode(batch))
    assert await acknowledged(client, "HR_INPUTS_default")
    assert (await cluster.run(run_id))["output"]["value"] == 2


async def test_one_bad_outcome_does_not_take_the_others_with_it(cluster: Cluster, client: Client) -> None:
    mixed = [outcome(run_id="nobody-1"), outcome(run_id="nobody-2")]
    run_id = await cluster.start_run("on_no_queue", number=1)
    mixed.append(outcome(run_id=run_id, result=Result(raw(77))))
    await client.jetstream().publish(f"{INPUT}.outcome.default", encode(OutcomeBatch(tuple(mixed))))
    assert (await cluster.finished(run_id))["output"]["value"] == 77
    await letter_where(cluster, found="nobody-1")
    await letter_where(cluster, found="nobody-2")


async def test_an_outcome_just_below_the_payload_limit(cluster: Cluster, client: Client) -> None:
    """Its result travels on to the next task, whose message would be larger than the limit."""
    run_id = await cluster.start_run("params_and_results", text="t", size=1_000)
    run = await cluster.finished(run_id)
    assert run["output"]["value"] == 8_001
    held = await cluster.start_run("on_no_queue", number=1)
    body = encode(OutcomeBatch((outcome(run_id=held, result=Result(raw("x" * (1024 * 1024 - 400)))),)))
    assert 1024 * 1024 - 300 < len(body) <= 1024 * 1024
    await client.jetstream().publish(f"{INPUT}.outcome.default", body)
    assert (await cluster.finished(held))["state"] == "succeeded"


async def test_errors_of_many_megabytes(cluster: Cluster, client: Client) -> None:
    """History travels in messages too: what a foreign worker says of its failure is cut."""
    held = await cluster.start_run("on_no_queue", number=1)
    error = ErrorInfo(code="task.failed", message="m" * 400_000, traceback="t" * 500_000 + "the end")
    failed = outcome(run_id=held, state=OutcomeState.FAILED, result=None, error=error)
    await client.jetstream().publish(f"{INPUT}.outcome.default", encode(OutcomeBatch((failed,))))
    run = await cluster.finished(held)
    assert run["state"] == "failed"
    assert len(run["error"]["message"]) < 10_000
    assert run["error"]["traceback"].endswith("the end")


@pytest.mark.parametrize("run_id", ["", "a/b", "x\r\ny: z", "r" * 2_000])
async def test_a_run_id_that_is_none(cluster: Cluster, client: Client, run_id: str) -> None:
    before = len(await letters(cluster))
    command = StartRun(run_id=run_id, workflow="quick", params=raw({"number": 1}))
    await client.jetstream().publish(f"{INPUT}.command.me", encode(command))
    assert (await letter_of(cluster, before))["error"]["where"] == "run_id"


async def test_a_run_of_an_event_under_an_id_of_its_own(cluster: Cluster, client: Client) -> None:
    """It would not be known again when the event comes again."""
    before = len(await letters(cluster))
    named = StartRun(
        run_id=derived_run_id("default", "quick", "up", "/s\0e"),
        workflow="quick",
        params=raw({"number": 1}),
        trigger="event:up",
        event_id="e",
        event_source="/s",
    )
    for command in (named, msgspec.structs.replace(named, run_id="mine"), named):
        await client.jetstream().publish(f"{INPUT}.command.me", encode(command))
    assert (await letter_of(cluster, before))["error"]["where"] == "run_id"
    assert (await cluster.finished(named.run_id))["state"] == "succeeded"
    assert await acknowledged(client, "HR_INPUTS_default")
    assert (await cluster.api.get("/runs/mine")).status_code == 404
    assert len((await cluster.api.get("/runs", params={"event": "e"})).json()["runs"]) == 1


async def test_a_reply_to_nowhere(cluster: Cluster, client: Client) -> None:
    before = len(await letters(cluster))
    headers = {"Headrace-Reply-To": "not a subject"}
    await client.jetstream().publish(
        f"{INPUT}.command.me", encode(CancelRun(run_id="nobody")), headers=headers
    )
    assert (await letter_of(cluster, before))["error"]["where"] == "Headrace-Reply-To"


async def test_headers_that_are_not_text(cluster: Cluster, client: Client) -> None:
    """nats-py writes only text, so the bytes go out by hand."""
    before = len(await letters(cluster))
    header = b"NATS/1.0\r\nShop: \xff\xfe\r\n\r\n"
    body = b"\xc1"
    subject = f"{INPUT}.outcome.default"
    command = b"HPUB %s %d %d\r\n" % (subject.encode(), len(header), len(header) + len(body))
    await client._send_command(command + header + body + b"\r\n")
    await client.flush()
    assert (await letter_of(cluster, before))["error"]["code"] == "protocol.malformed"


async def test_log_lines_that_cannot_be_stored(cluster: Cluster, client: Client) -> None:
    good = LogLine(run_id="x", node="n", attempt=1, at_us=5, level="info", message="fine")
    bad = msgspec.structs.replace(good, at_us=2**64 - 1)
    before = len(await letters(cluster))
    for line in (bad, good):
        await client.jetstream().publish(
            "hr.default.log.default", encode(LogBatch(worker="w", lines=(line,)))
        )
    assert (await letter_of(cluster, before))["subject"] == "hr.default.log.default"
    span = Span(trace_id="t", span_id="s", name="n", start_us=2**64 - 1, end_us=1)
    await client.jetstream().publish("hr.default.span.default", encode(SpanBatch(worker="w", spans=(span,))))
    assert (await letter_of(cluster, before + 1))["subject"] == "hr.default.span.default"


async def test_heartbeats_are_only_logged(cluster: Cluster, client: Client) -> None:
    before = len(await letters(cluster))
    for subject in ("heartbeat", "started"):
        await client.publish(f"hr.default.live.{subject}", b"\xc1")
        await client.publish(f"hr.default.live.{subject}", b"{}", headers={"Headrace-Version": "99"})
    await client.flush()

    async def logged() -> bool:
        text = (cluster.directory / "coordinator.log").read_text()
        return "a heartbeat cannot be read" in text and "a started notice cannot be read" in text

    await eventually(logged, 30)
    assert len(await letters(cluster)) == before


async def test_what_a_worker_rejects(cluster: Cluster, client: Client) -> None:
    """A task message that no worker can understand comes back as a dead letter."""
    await client.jetstream().publish("hr.default.task.default.normal", b"\xc1not a task")
    letter = await letter_where(cluster, subject="hr.default.task.default.normal")
    assert letter["error"]["code"] == "protocol.malformed"
    shown = (await cluster.api.get(f"/dead-letters/{letter['letter_id']}")).json()
    assert shown["body_base64"] == "wW5vdCBhIHRhc2s="


async def test_a_letter_that_no_stream_takes_is_not_redriven(cluster: Cluster, client: Client) -> None:
    error = ErrorInfo(code=ErrorCode.PROTOCOL_MALFORMED, message="made up")
    rejected = Rejected(subject="somewhere.else", headers={}, body=b"", error=error)
    await client.jetstream().publish(f"{INPUT}.rejected.default", encode(rejected))
    letter = await letter_where(cluster, subject="somewhere.else")
    answer = await cluster.api.post(f"/dead-letters/{letter['letter_id']}/redrive")
    assert (answer.status_code, answer.json()["code"]) == (409, "request.conflict")


async def test_an_event_larger_than_the_bus_takes(cluster: Cluster) -> None:
    event = {
        "specversion": "1.0",
        "id": "big",
        "source": "/s",
        "type": "numbers.came",
        "data": "x" * 1_100_000,
    }
    answer = await cluster.api.post("/events", content=json.dumps(event), headers=STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (413, "protocol.too_large")


async def test_an_answer_wanted_elsewhere_purges_nothing(cluster: Cluster, client: Client) -> None:
    """The coordinator may use the API of JetStream; whoever may only publish commands does not get to by it."""
    kept = await client.jetstream().publish("hr.default.life.kept.kept", b"kept")
    purge = "$JS.API.STREAM.PURGE.HR_LIFECYCLE_default"
    command = encode(CancelRun(run_id="purging"))
    await client.jetstream().publish(
        f"{INPUT}.command.purging", command, headers={"Headrace-Reply-To": purge}
    )
    letter = await letter_where(cluster, found=purge)
    assert letter["error"]["where"] == "Headrace-Reply-To"
    assert (await client.jetstream().get_msg("HR_LIFECYCLE_default", kept.seq)).data == b"kept"
