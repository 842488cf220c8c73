"""Rules about results: what is sent and read is what the attempt that won has written (I9)."""

from __future__ import annotations

import msgspec

from headrace.results.store import digest_of
from headrace_coordinator.engine.state import Node
from headrace_protocol.codec import decode, encode
from headrace_protocol.messages import Result, TaskMessage
from tests.simulation.deliveries import Key
from tests.simulation.flows import marks
from tests.simulation.journal import Journal


class Results:
    """The books of what executions have written."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._nodes: dict[tuple[str, str], bytes] = {}
        """What each node's winner wrote, as it is committed."""
        self._items: dict[Key, bytes] = {}
        self._winners: set[int] = set()
        """Marks of executions whose result was committed."""
        self._written: dict[str, int] = {}
        """Marks of large results, by digest."""

    def wrote(self, body: bytes, mark: int) -> None:
        """An execution made a result that may be stored outside of messages."""
        self._written[digest_of(body)] = mark

    def item_won(self, key: Key, result: Result) -> None:
        self._items[key] = encode(result)
        self._won(result)

    def node_won(self, run_id: str, name: str, node: Node, result: Result) -> None:
        self._nodes[run_id, name] = encode(result)
        if node.map is None:
            self._won(result)
        elif result.stored is None:
            self._collected(run_id, name, node.map.total, result)

    def _won(self, result: Result) -> None:
        if result.stored is not None:
            mark = self._written.get(result.stored.digest)
            if mark is not None:
                self._winners.add(mark)
        else:
            self._winners.update(marks(msgspec.msgpack.decode(result.value)))

    def _collected(self, run_id: str, name: str, total: int, collected: Result) -> None:
        found = msgspec.msgpack.decode(collected.value, type=list[msgspec.Raw])
        self._journal.require(len(found) == total, "I9", f"{run_id}/{name}: {len(found)} of {total} items")
        for index, value in enumerate(found):
            winner = self._items.get((run_id, name, index))
            result = None if winner is None else decode(winner, Result)
            if result is not None and result.stored is None:
                same = bytes(result.value) == bytes(value)
                self._journal.require(same, "I9", f"{run_id}/{name}[{index}] is not what its attempt wrote")

    def sent(self, name: str, message: TaskMessage) -> None:
        """An attempt is dispatched with its inputs."""
        for source, result in message.inputs.items():
            same = self._nodes.get((message.run_id, source)) == encode(result)
            self._journal.require(
                same, "I9", f"{name} is sent another result of {source} than the one that won"
            )

    def read(self, name: str, arguments: object) -> None:
        """An attempt begins."""
        foreign = [x for x in marks(arguments) if x not in self._winners]
        self._journal.require(
            not foreign, "I9", f"{name} reads results of executions {foreign}, which did not win"
        )
