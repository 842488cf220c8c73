"""The documented contract is the contract: tables, subjects and the worker that fits on a page."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import nats
import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import codec, headers
from headrace_protocol.channels import CHANNELS
from headrace_protocol.definition import Item, ListOf, Literal, Output, Param, Priority
from headrace_protocol.messages import ItemInput, OutcomeBatch, OutcomeState, Result, TaskMessage
from headrace_protocol.topology import Topology
from tests.wire.documentation import PAGE, renewed, section

TOPOLOGY = Topology("default")
DEADLINE_S = 50.0


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
]


async def test_the_worker_in_a_page_answers_tasks(tmp_path: Path) -> None:
    source = section(PAGE.read_text(), "example", "worker").removeprefix("```python\n").removesuffix("```\n")
    script = tmp_path / "worker.py"
    script.write_text(source)
    async with EmbeddedNats(tmp_path / "nats") as server, asyncio.timeout(DEADLINE_S):
        client = await nats.connect(server.url)
        js = client.jetstream()
        for stream in TOPOLOGY.streams():
            await js.add_stream(StreamConfig(name=stream.name, subjects=list(stream.subjects)))
        consumer = TOPOLOGY.task_consumer("default", Priority.NORMAL)
        await js.add_consumer(
            consumer.stream,
            ConsumerConfig(durable_name=consumer.durable, filter_subject=consumer.filter_subject),
        )
        inputs = await js.subscribe(TOPOLOGY.subjects.inputs_of(0), ordered_consumer=True)
        for message in TASKS:
            await js.publish(consumer.filter_subject, codec.encode(message), headers=headers.make())
        environment = os.environ | {"NATS_URL": server.url}
        worker = await asyncio.create_subprocess_exec(sys.executable, script, env=environment)
        try:
            outcomes = {}
            for _ in TASKS:
                got = await inputs.next_msg(timeout=DEADLINE_S)
                (outcome,) = codec.decode(got.data, OutcomeBatch, got.headers).outcomes
                outcomes[outcome.node] = outcome
            while (await js.consumer_info(consumer.stream, consumer.durable)).num_ack_pending:
                await asyncio.sleep(0.01)
        finally:
            worker.kill()
            await worker.wait()
            await client.close()
    assert outcomes["literals"].result == Result(codec.raw(3))
    assert outcomes["fails"].state is OutcomeState.FAILED
    assert outcomes["reads"].result == Result(codec.raw([7, 8, 9]))
    assert (outcomes["reads"].item, outcomes["reads"].counts) == (3, (3, -1))
