"""Leases of shards: who may write for a shard, and since which epoch."""

from __future__ import annotations

import sqlite3

from headrace_coordinator.store.records import ShardFence
from headrace_coordinator.store.sqlite.statements import STATEMENTS

_SET = (
    "INSERT INTO shards (shard, owner, epoch, lease_until_us) VALUES (?, ?, ?, ?) ON CONFLICT (shard)"
    " DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch, lease_until_us = excluded.lease_until_us"
)
_RELEASE = "UPDATE shards SET owner = '', lease_until_us = 0 WHERE shard = ? AND epoch = ?"
_END_ALL = "UPDATE shards SET owner = '', lease_until_us = 0 WHERE owner <> ''"


def end_all(connection: sqlite3.Connection) -> None:
    """End every lease: whoever holds the file's lock knows that no other coordinator lives."""
    connection.execute(_END_ALL)


def acquire(
    connection: sqlite3.Connection, shard: int, owner: str, lease_us: int, now_us: int
) -> ShardFence | None:
    """The owner renews its epoch; anybody else starts the next one, once the lease has run out."""
    held = connection.execute(STATEMENTS["shard"], {"shard": shard}).fetchone()
    epoch = 1
    if held is not None:
        holder, epoch, lease_until_us = held
        if holder != owner:
            if holder and lease_until_us > now_us:
                return None
            epoch += 1
    connection.execute(_SET, (shard, owner, epoch, now_us + lease_us))
    return ShardFence(shard, epoch)


def release(connection: sqlite3.Connection, fence: ShardFence) -> None:
    """End a lease, so that the next owner need not wait for it; its fence no longer holds either."""
    connection.execute(_RELEASE, (fence.shard, fence.epoch))
