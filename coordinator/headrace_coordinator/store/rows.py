"""Domain types to columns and back, the same for every SQL store.

A body is msgpack of the domain type, under the protocol's rules of evolution: fields are only ever added,
with a default. What is written most often (runs, their nodes, attempts) leaves out the names of the fields, so
that further ones are added at the end; attempts, of which a map may have a million, also leave out what the
row's columns say.
"""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.state import Node, RunHead, RunState
from headrace_coordinator.store.records import (
    OLD_TALLY_S,
    TALLY_AGE_S,
    DeadLetter,
    EventRecord,
    StoredLog,
    Timer,
    VerdictKind,
)
from headrace_protocol.codec import NOTHING
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import ABSENT, LogLine, Result

FINISHED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
NO_ITEM = -1
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
MAX_INT = 2**63 - 1
"""The largest integer that a column holds."""

RunColumns = tuple[str, str, int | None, int, int | None, str, str, str, str]
"""workflow, state, open_shard, created_at_us, finished_at_us, trigger, event_id, labels, search."""

NODE_BYTES = 1_024
"""A larger node is not stored with its run: it would be written again with every step of the others."""
_UNTOUCHED = Node()

_encode = msgspec.msgpack.Encoder().encode
_nodes = msgspec.msgpack.Decoder(dict[str, Node])
_heads = msgspec.msgpack.Decoder(RunHead)


class AttemptBody(msgspec.Struct, frozen=True, array_like=True):
    """What the columns of an attempt do not say. Fields are only ever added at the end."""

    queued_at_us: int
    started_at_us: int
    finished_at_us: int
    worker: str
    delivery: int
    error: ErrorInfo | None = None
    result: Result | None = None


_attempts = msgspec.msgpack.Decoder(AttemptBody)
_lines = msgspec.msgpack.Decoder(LogLine)


def encode_head(head: RunHead) -> bytes:
    """A run's head. Absent params are written as nil: an empty `Raw` would leave a hole in the msgpack."""
    return _encode(head if bytes(head.params) else msgspec.structs.replace(head, params=NOTHING))


def decode_head(body: bytes) -> RunHead:
    head = _heads.decode(body)
    if head.params == NOTHING:
        head.params = ABSENT
    return head


def encode_nodes(nodes: dict[str, Node]) -> tuple[bytes, frozenset[str]]:
    """The nodes of a run that is stored whole, and the names of those that have rows of their own all the same:
    large ones, and maps, whose items are pruned before their run. Which ones those are changes only with the node
    itself, so that the row is written when it does."""
    own = {name: node for name, node in nodes.items() if node.map is None and node != _UNTOUCHED}
    body = _encode(own)
    if len(body) > NODE_BYTES:
        own = {name: node for name, node in own.items() if len(_encode(node)) <= NODE_BYTES}
        body = _encode(own)
    return body, frozenset(nodes.keys() - own.keys())


def decode_nodes(body: bytes | None) -> dict[str, Node]:
    """What is stored of its nodes with a run; nothing of one that is not stored whole."""
    return {} if body is None else _nodes.decode(body)


def run_columns(head: RunHead) -> RunColumns:
    """What runs are found by."""
    return (
        head.workflow,
        head.state.value,
        None if head.state in FINISHED else head.shard,
        head.created_at_us,
        head.finished_at_us,
        head.trigger,
        head.event_id,
        label_text(head.labels),
        search_text(head),
    )


def label_text(labels: dict[str, str]) -> str:
    """Labels as lines that can be searched for; JSON escapes a line end inside a label."""
    if not labels:
        return ""
    return "\n" + "".join(sorted(map(label_line, labels.items())))


def label_line(label: tuple[str, str]) -> str:
    return msgspec.json.encode(label).decode() + "\n"


def search_text(head: RunHead) -> str:
    """Where `RunFilter.search` looks, in lower case."""
    return f"{head.run_id}\n{head.error.message if head.error else ''}".lower()


def level_rank(level: str) -> int:
    """A level as a number that can be compared; one that nobody knows counts as information."""
    return LEVELS.get(level, LEVELS["info"])


def whole_hour_s(now_us: int) -> int:
    """Where tallies by the minute begin: what is older is kept by the hour."""
    return (now_us // 1_000_000 - TALLY_AGE_S) // OLD_TALLY_S * OLD_TALLY_S


def letter_search(letter: DeadLetter) -> str:
    """Where `LetterFilter.search` looks, in lower case."""
    error = letter.error
    return "\n".join((letter.letter_id, letter.subject, error.code, error.message, error.where)).lower()


def without_case(text: str) -> str:
    """Lower case as databases make it of their own: of ASCII letters only."""
    return "".join(map(_lower, text)) if not text.isascii() else text.lower()


def _lower(letter: str) -> str:
    return letter.lower() if letter.isascii() else letter


def encode_line(line: LogLine) -> bytes:
    """A log line without its message, which has a column of its own."""
    return _encode(msgspec.structs.replace(line, message=""))


def decode_line(position: int, message: str, body: bytes) -> StoredLog:
    return StoredLog(position, msgspec.structs.replace(_lines.decode(body), message=message))


def encode_attempt(record: AttemptRecord) -> bytes:
    return _encode(
        AttemptBody(
            record.queued_at_us,
            record.started_at_us,
            record.finished_at_us,
            record.worker,
            record.delivery,
            record.error,
            record.result,
        )
    )


def decode_attempt(
    run_id: str, node: str, item: int, attempt: int, state: str, stored: bytes
) -> AttemptRecord:
    body = _attempts.decode(stored)
    return AttemptRecord(
        run_id=run_id,
        node=node,
        attempt=attempt,
        state=state,
        item=item_of(item),
        queued_at_us=body.queued_at_us,
        started_at_us=body.started_at_us,
        finished_at_us=body.finished_at_us,
        worker=body.worker,
        delivery=body.delivery,
        error=body.error,
        result=body.result,
    )


def item_column(item: int | None) -> int:
    return NO_ITEM if item is None else item


def item_of(column: int) -> int | None:
    return None if column == NO_ITEM else column


def timer_key_columns(key: TimerKey) -> tuple[str, str, str, int]:
    return key.actor, key.kind, key.node, item_column(key.item)


def decode_timer(shard: int, due_us: int, actor: str, kind: str, node: str, item: int) -> Timer:
    return Timer(shard, TimerKey(actor, kind, node, item_of(item)), due_us)


def merge_event(stored: EventRecord, again: EventRecord) -> EventRecord:
    """An event that is recorded again keeps its first record and gains the runs that it has started since, and what
    triggers have made of it since."""
    runs = tuple(dict.fromkeys((*stored.runs, *again.runs)))
    verdicts = {(one.workflow, one.trigger): one for one in stored.verdicts}
    for verdict in again.verdicts:
        place = (verdict.workflow, verdict.trigger)
        before = verdicts.get(place)
        if before is None or before.kind is VerdictKind.BROKEN:
            verdicts[place] = verdict
    return msgspec.structs.replace(stored, runs=runs, verdicts=tuple(verdicts.values()))
