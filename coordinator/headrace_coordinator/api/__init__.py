"""The HTTP face of the coordinator: `/api/v1`, health, metrics, and one stream of live changes.

A command becomes an input on its actor's shard and is answered when it is committed; a query reads the store;
what is live (workers, queues) comes from the coordinator's port. Handlers hold no state. Every error, also of
routing and of validation, is a problem document (RFC 9457) with the code, place and fix of
`headrace_protocol.errors`.

`changes` follows the history: it reads the backlog from the store, then listens, so a client that comes back
with the id of its last event misses nothing and sees nothing twice.
"""
