"""The store in one SQLite file.

A lock file keeps a second coordinator out. One connection writes, a few read; each has a thread of its own
and is spoken to in whole functions. The file is in WAL mode: readers never wait for the writer, and a commit
is one append and one fsync (`synchronous=FULL`), after which it survives loss of power.

A commit goes through three forms: a `Transaction` of domain types; `Writes`, its rows, encoded where `commit`
was called; and the statements of `apply`, run by the `writer` together with everything else that waits.

`schema.sql` and `statements.sql` are made from SQLAlchemy metadata and queries by `generate`.
"""
