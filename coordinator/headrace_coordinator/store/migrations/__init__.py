"""Revisions of the schema, oldest first.

A store remembers the revision it has in Alembic's own table. An empty one is made in the newest revision at
once; one that has the newest needs nothing; only an older one is brought up to date by Alembic, whose import
costs more time than all the rest of opening a store. A revision that is not listed here is from the future.
"""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]
