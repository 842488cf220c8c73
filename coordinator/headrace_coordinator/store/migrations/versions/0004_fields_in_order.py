"""Runs and nodes are stored without the names of their fields, in an order that stays.

Values are carried over byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_PAGE = 10_000
_REQUIRED = object()
Defaults = Mapping[str, object]

_RUN: Defaults = {
    "run_id": _REQUIRED,
    "workflow": _REQUIRED,
    "version": _REQUIRED,
    "shard": _REQUIRED,
    "params": None,
    "state": "running",
    "trigger": "manual",
    "event_id": "",
    "event_source": "",
    "scheduled_at_us": None,
    "labels": {},
    "trace": None,
    "parent_span_id": "",
    "publisher_span_id": "",
    "received_at_us": 0,
    "created_at_us": 0,
    "finished_at_us": None,
    "deadline_us": None,
    "wait": None,
    "error": None,
    "output": None,
    "nodes_total": 0,
    "nodes_done": 0,
    "motions": 0,
    "retries": 0,
}
_NODE: Defaults = {
    "state": "waiting",
    "ready_at_us": 0,
    "finished_at_us": 0,
    "attempt": 0,
    "failures": 0,
    "queued_at_us": 0,
    "retry_at_us": None,
    "recoveries": 0,
    "generation": 0,
    "motion": 0,
    "result": None,
    "counts": [],
    "error": None,
    "map": None,
}

_encode = msgspec.msgpack.encode
_fields = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


def upgrade() -> None:
    _rewrite("runs", ("key",), {"body": _run, "nodes": _nodes})
    _rewrite("nodes", ("run_key", "name"), {"body": _node})


def _rewrite(table: str, key: tuple[str, ...], columns: Mapping[str, Callable[[bytes], bytes]]) -> None:
    """Pass some columns of every row through functions, in the order of the table's key."""
    connection = op.get_bind()
    rows = sa.table(table, *[sa.column(name) for name in (*key, *columns)])
    keys = [rows.c[name] for name in key]
    page = sa.select(rows).order_by(*keys).limit(_PAGE)
    change = (
        sa.update(rows)
        .where(*(column == sa.bindparam(f"of_{column.name}") for column in keys))
        .values({name: sa.bindparam(f"new_{name}") for name in columns})
    )
    found = connection.execute(page).mappings().all()
    while found:
        connection.execute(
            change,
            [
                {f"of_{name}": row[name] for name in key}
                | {f"new_{name}": None if row[name] is None else columns[name](row[name]) for name in columns}
                for row in found
            ],
        )
        last = sa.tuple_(*(sa.literal(found[-1][name]) for name in key))
        found = connection.execute(page.where(sa.tuple_(*keys) > last)).mappings().all()


def _run(body: bytes) -> bytes:
    return _in_order(_fields(body), _RUN)


def _node(body: bytes) -> bytes:
    return _in_order(_fields(body), _NODE)


def _nodes(body: bytes) -> bytes:
    return _encode({name: msgspec.Raw(_node(bytes(node))) for name, node in _fields(body).items()})


def _in_order(fields: Mapping[str, msgspec.Raw], defaults: Defaults) -> bytes:
    values = [fields.get(name, default) for name, default in defaults.items()]
    if _REQUIRED in values:
        raise ValueError(f"a stored run lacks one of its first fields: {sorted(fields)}")
    return _encode(values)
