"""The truth: what a coordinator must not forget, written one transaction per turn.

A *transaction* holds everything that one turn of the loop changed, and is durable as a whole or not at all.
It may carry a *fence*, the lease under which it was decided; once the shard has another owner it is refused.

What is kept, and how long:

- A **run** is a head and a row for each node that was touched; both are replaced as they change. Its
  **attempts** and its **history** only grow. They go with the run, some time after it finished; an unfinished
  run is never deleted.
  Its id is remembered longer: a run is named after its cause, which must not start it again.
- A **timer** is set, moved and dropped by its key.
- The **outbox** holds what was decided and is not yet published, in batches whose sequence never goes back.
- A **definition** stays for good, in all its versions; the one deployed last is current, also when it was
  deployed before. A **schedule** has one row for where it stands.
- **Events**, **logs** and **spans** only grow, and go by their age; **dead letters** too, unless redriven.
  An event or a span that is recorded again is still one.
- **Stream identities** and **cursors** are single values, replaced.

Positions of history, events and logs grow for ever: pruning does not make them start anew.

Stores are `sqlite` (one file, one coordinator) and `memory` (nothing survives). `port` is what they have in
common, `records` the types they take and give.
"""

from __future__ import annotations

from pathlib import Path

from headrace_coordinator.store.port import Store
from headrace_protocol.errors import ConfigError

__all__ = ["open_store"]

_SQLITE = "sqlite:///"


def place_of(url: str) -> str:
    """The store for people: a relative path means another store in another working folder."""
    return (
        str(Path(url.removeprefix(_SQLITE)).absolute()) if url.startswith(_SQLITE) else url.partition(":")[0]
    )


def open_store(url: str) -> Store:
    """The store that a URL names: `sqlite:///<path>` (a fourth slash makes the path absolute) or `memory:`.

    It is not opened yet: `await store.open()`. Raises ConfigError for any other URL.
    """
    if url == "memory:":
        from headrace_coordinator.store.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        from headrace_coordinator.store.sqlite.store import SqliteStore

        return SqliteStore(Path(url.removeprefix(_SQLITE)))
    raise ConfigError(
        "the store's URL cannot be used",
        where="--store",
        found=url,
        expected="sqlite:///PATH or memory:",
    )
