"""The wire contract of Headrace: pure data, imported by every other package and importing none of them.

A *definition* (`definition`) says what a workflow is. A *task message* asks a worker for one attempt of one
node; *outcomes* travel back in batches (`messages`). Trigger events are CloudEvents 1.0 (`cloudevent`).
`subjects` is the grammar of every NATS subject, `topology` the JetStream streams and consumers as data,
`headers` the message headers, `codec` turns Structs into bytes (msgpack, or JSON on request) and back,
`errors` the table of codes, `ids` how identifiers, fences and span ids are derived.

Rules of evolution: unknown fields are ignored; a field is only ever added, with a default; a field's type and
meaning never change; an enum or tag is only ever added, and a reader that meets one it does not know sends
the message to the dead letters with `protocol.unknown_kind`. `headers.PROTOCOL_VERSION` grows only when a
reader must refuse what it cannot understand.
"""

PROTOCOL_VERSION = 1
