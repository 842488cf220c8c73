"""The documented contract is the contract: tables, subjects and the worker that fits on a page."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig

from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import codec, headers
from headrace_protocol.channels import CHANNELS
from headrace_protocol.definition import Item, ListOf, Literal, Output, Param, Priority
from headrace_protocol.messages import ItemInput, Outcome, OutcomeBatch, OutcomeState, Result, TaskMessage
from headrace_protocol.topology import Topology
from tests.proof.figures import Record
from tests.proof.form import Size
from tests.wire.documentation import PAGE, renewed, section

TOPOLOGY = Topology("default")
CONSUMER = TOPOLOGY.task_consumer("default", Priority.NORMAL)
DEADLINE_S = 50.0
ITEM = Result(codec.raw({}))

Outcomes = Callable[[int], Awaitable[dict[str, Outcome]]]


def test_tables_are_those_of_the_contract() -> None:
    text = PAGE.read_text()
    assert renewed(text) == text, "run: python -m tests.wire.documentation"


@pytest.mark.parametrize("name", [name for name, channel in CHANNELS.items() if channel.address])
def test_every_subject_is_documented(name: str) -> None:
    address = CHANNELS[name].address.replace("{namespace}", "<ns>").replace("{", "<").replace("}", ">")
    assert f"| `{address}` |" in PAGE.read_text()


@pytest.mark.parametrize(
    "header", [headers.VERSION, headers.CONTENT_TYPE, headers.MESSAGE_ID, headers.REPLY_TO]
)
def test_every_header_is_documented(header: str) -> None:
    assert f"| `{header}` |" in PAGE.read_text()


def task(node: str, **changes: object) -> TaskMessage:
    message = TaskMessage(
        run_id="r1", workflow="w", node=node, attempt=1, task="add", shard=0, queue="default", queued_at_us=1
    )
    return msgspec.structs.replace(message, **changes)


TASKS = [
    task("literals", bindings={"left": Literal(1), "right": Literal(2)}),
    task(
        "reads",
        bindings={"left": Output("up", ("rows", 1)), "right": ListOf((Item(), Param("p", ("q",))))},
        inputs={"up": Result(codec.raw({"rows": [[0], [7]]}))},
        params=codec.raw({"p": {"q": 9}}),
        item=3,
        item_input=ItemInput(codec.raw(8)),
        counts=((), (0,)),
    ),
    task("fails", bindings={"left": Literal(1), "right": Literal("a")}),
    task("unknown", task="nobody-has-it", dispatch=4),
    task(
        "unreadable", bindings={"left": Literal(1), "right": Output("up", ("absent",))}, inputs={"up": ITEM}
    ),
]


@asynccontextmanager
async def page_worker(
    tmp_path: Path, ack_wait_s: float, longest_s: float = 0.0
) -> AsyncIterator[tuple[JetStreamContext, Outcomes]]:
    """The page's worker, which also has the task `slow`, on a NATS of its own; and how to read what it answers."""
    source = section(PAGE.read_text(), "example", "worker").removeprefix("```python\n").removesuffix("```\n")
    script = tmp_path / "worker.py"
    script.write_text(source.replace("LARGEST =", "TASKS['slow'] = lambda s: time.sleep(s)\nLARGEST ="))
    async with EmbeddedNats(tmp_path / "nats") as server, asyncio.timeout(DEADLINE_S + longest_s):
        client = await nats.connect(server.url)
        js = client.jetstream()
        for stream in TOPOLOGY.streams():
            await js.add_stream(StreamConfig(name=stream.name, subjects=list(stream.subjects)))
        await js.add_consumer(
            CONSUMER.stream,
            ConsumerConfig(
                durable_name=CONSUMER.durable, filter_subject=CONSUMER.filter_subject, ack_wait=ack_wait_s
            ),
        )
        inputs = await js.subscribe(TOPOLOGY.subjects.inputs_of(0), ordered_consumer=True)

        async def outcomes(count: int) -> dict[str, Outcome]:
            """By node, when the tasks are settled too."""
            found = {}
            for _ in range(count):
                got = await inputs.next_msg(timeout=DEADLINE_S + longest_s)
                (outcome,) = codec.decode(got.data, OutcomeBatch, got.headers).outcomes
                assert outcome.node not in found
                found[outcome.node] = outcome
            while (await js.consumer_info(CONSUMER.stream, CONSUMER.durable)).num_ack_pending:
                await asyncio.sleep(0.01)
            return found

        environment = os.environ | {"NATS_URL": server.url}
        worker = await asyncio.create_subprocess_exec(sys.executable, script, env=environment)
        try:
            yield js, outcomes
        finally:
            worker.kill()
            await worker.wait()
            await client.close()


async def publish(js: JetStreamContext, *tasks: TaskMessage) -> None:
    for message in tasks:
        await js.publish(CONSUMER.filter_subject, codec.encode(message), headers=headers.make())


async def test_the_worker_in_a_page_answers_tasks(tmp_path: Path) -> None:
    async with page_worker(tmp_path, 30.0) as (js, outcomes_of):
        await publish(js, *TASKS)
        outcomes = await outcomes_of(len(TASKS))
    assert outcomes["literals"].result == Result(codec.raw(3))
    assert outcomes["fails"].state is OutcomeState.FAILED
    assert outcomes["reads"].result == Result(codec.raw([7, 8, 9]))
    assert (outcomes["reads"].item, outcomes["reads"].counts) == (3, (3, -1))
    returned = outcomes["unknown"]
    assert (returned.state, returned.reason, returned.dispatch) == ("returned", "unknown_task", 4)
    error = outcomes["unreadable"].error
    assert error is not None
    assert error.code == "task.input_invalid"


async def test_the_worker_in_a_page_runs_what_is_longer_than_the_ack_wait_once(
    tmp_path: Path, size: Size, figures: Record
) -> None:
    ack_wait_s = size(1.0, long=10.0)
    taken_s = 6 * ack_wait_s
    async with page_worker(tmp_path, ack_wait_s, taken_s) as (js, outcomes_of):
        await publish(js, task("long", task="slow", bindings={"s": Literal(taken_s)}))
        outcomes = await outcomes_of(1)
        info = await js.consumer_info(CONSUMER.stream, CONSUMER.durable)
    assert outcomes["long"].state is OutcomeState.SUCCEEDED
    assert info.delivered is not None
    assert info.delivered.consumer_seq == 1
    figures("s of work", taken_s)
    figures("s of ack wait", ack_wait_s)
    figures("deliveries", info.delivered.consumer_seq)
