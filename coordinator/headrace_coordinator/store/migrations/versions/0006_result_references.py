"""What refers to large results, so that those which nothing needs can be deleted.

References of the runs that are stored are read from their attempts and nodes: without them, every result of before
would be taken for one that nobody needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_RESULT_OF_NODE = 10
_RESULT_OF_ATTEMPT = 6
_NOTHING = msgspec.Raw(b"\xc0")
_HOLDS_STORED = "instr({0}, CAST('stored' AS BLOB)) > 0"
"""Most rows have no large result: they are not even decoded."""


_array = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_object = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


def upgrade() -> None:
    op.create_table(
        "result_references",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uri", "kind", "holder"),
        sqlite_with_rowid=False,
    )
    op.create_index("result_references_by_holder", "result_references", ["kind", "holder"])
    op.create_table(
        "released_results",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("released_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uri"),
        sqlite_with_rowid=False,
    )
    op.create_index("released_results_by_time", "released_results", ["released_at_us", "uri"])
    of_run = f"a JOIN runs r ON r.key = a.run_key WHERE {_HOLDS_STORED.format('a.body')}"
    _refer(f"SELECT r.run_id, a.body FROM attempts {of_run}", partial(_stored, place=_RESULT_OF_ATTEMPT))  # noqa: S608
    _refer(f"SELECT r.run_id, a.body FROM nodes {of_run}", partial(_stored, place=_RESULT_OF_NODE))  # noqa: S608
    _refer(f"SELECT run_id, nodes FROM runs WHERE {_HOLDS_STORED.format('nodes')}", _of_nodes)  # noqa: S608


def _refer(query: str, uris: Callable[[bytes], Iterator[str]]) -> None:
    connection = op.get_bind()
    found = [
        {"uri": uri, "holder": run_id}
        for run_id, body in connection.execute(sa.text(query))
        for uri in uris(body)
    ]
    insert = "INSERT INTO result_references (uri, kind, holder) VALUES (:uri, 'run', :holder) ON CONFLICT DO NOTHING"
    if found:
        connection.execute(sa.text(insert), found)


def _stored(body: bytes, place: int) -> Iterator[str]:
    fields = _array(body)
    result = _object(fields[place]) if len(fields) > place and fields[place] != _NOTHING else {}
    if result.get("stored", _NOTHING) != _NOTHING:
        yield msgspec.msgpack.decode(_object(result["stored"])["uri"], type=str)


def _of_nodes(body: bytes) -> Iterator[str]:
    for node in _object(body).values():
        yield from _stored(bytes(node), _RESULT_OF_NODE)
