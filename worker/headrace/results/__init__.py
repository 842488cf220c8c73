"""Results too large for a message (claim check).

A value is *inside* a message up to 64 KB, *stored* above. The key is the attempt's plus the digest of the
bytes: two executions of one attempt (a redelivery) never overwrite each other, so a reader gets what the
winning one wrote, or nothing. Nothing is `InputLost`, and the coordinator runs the producer again.
"""

from headrace.results.store import InputLost, ResultStore

__all__ = ["InputLost", "ResultStore"]
