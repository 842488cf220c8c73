"""The worker printed in docs/protocol.md with the kit's tasks, and ways to break it."""

from __future__ import annotations

from pathlib import Path

from tests.wire.documentation import PAGE, section

TASKS = """
def fail(message):
    raise ValueError(message)

TASKS["conformance.echo"] = lambda value: value
TASKS["conformance.fail"] = fail
TASKS["conformance.sleep"] = lambda seconds: time.sleep(seconds)
"""

ACKNOWLEDGES = "            await message.ack()\n"
PUBLISHES = "        await js.publish("
BREAKS = {
    "no signs of life": {"await message.in_progress()": "pass"},
    "acknowledges before the outcome": {
        PUBLISHES: "        await message.ack()\n" + PUBLISHES,
        ACKNOWLEDGES: "            pass\n",
    },
    "does not wait for the outcome to be stored": {PUBLISHES: "        await js._nc.publish("},
    "outcomes go to shard 0": {"{task['shard']}": "0"},
    "naks what failed": {
        '        outcome["finished_at_us"]': (
            "        if outcome['state'] == 'failed':\n"
            "            return await message.nak()\n"
            '        outcome["finished_at_us"]'
        )
    },
    "item 0 is no item": {"if name in task}": "if task.get(name)}"},
    "ignores SIGTERM": {"signal.SIGTERM, STOPPING.set": "signal.SIGTERM, lambda: None"},
    "leaves what it has on SIGTERM": {"signal.SIGTERM, STOPPING.set": "signal.SIGTERM, lambda: os._exit(0)"},
    "settles what a lost NATS delivered": {
        "if (await tasks.consumer_info()).created == made.created:": "if True:"
    },
    "ends when NATS does": {
        'os.environ["NATS_URL"])': 'os.environ["NATS_URL"], disconnected_cb=ends)',
        "async def main(": "async def ends():\n    os._exit(7)\n\n\nasync def main(",
    },
}
"""What to replace, by what a worker does then. Each text is on the page exactly once."""


def write(folder: Path, breaks: str = "") -> Path:
    """The script; `breaks` is a key of BREAKS."""
    source = section(PAGE.read_text(), "example", "worker").removeprefix("```python\n").removesuffix("```\n")
    for old, new in (BREAKS[breaks] if breaks else {}).items():
        if source.count(old) != 1:
            raise LookupError(
                f"docs/protocol.md: the worker has {source.count(old)} times {old!r}, expected once"
            )
        source = source.replace(old, new)
    script = folder / "worker.py"
    script.write_text(source.replace("\nLARGEST =", f"{TASKS}\nLARGEST ="))
    return script
