"""The wire contract for people and tools that do not read Python: JSON Schemas and an AsyncAPI 3 document.

Both are generated from the types, the channels and the topology, so they cannot say anything else than what
is sent. The schemas hold for JSON bodies and, field for field, for msgpack ones.
"""

from __future__ import annotations

import re

import msgspec

from headrace_protocol import PROTOCOL_VERSION, deliveries, headers, messages
from headrace_protocol.channels import CHANNELS, COMMAND, PARAMETERS, REPLY, Channel
from headrace_protocol.cloudevent import PREFIX, SPEC_VERSION, STRUCTURED, CloudEvent
from headrace_protocol.headers import Encoding
from headrace_protocol.json_schema import Schema, components
from headrace_protocol.topology import StreamSpec, Topology

MESSAGE_TYPES: tuple[type[msgspec.Struct], ...] = (
    messages.TaskMessage,
    messages.OutcomeBatch,
    messages.StartRun,
    messages.CancelRun,
    messages.Deploy,
    messages.DeploySet,
    messages.CommandReply,
    messages.LifecycleMessage,
    messages.LogBatch,
    messages.SpanBatch,
    messages.Heartbeat,
    messages.Started,
    deliveries.Redelivered,
    deliveries.Redundant,
    deliveries.Wanted,
    deliveries.Needed,
    messages.CancelAttempts,
)
"""Every message of ours."""

WIRE_TYPES: tuple[type[msgspec.Struct], ...] = (*MESSAGE_TYPES, CloudEvent)


def json_schemas() -> Schema:
    """A JSON Schema (draft 2020-12) whose `$defs` hold every wire type by name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Headrace protocol {PROTOCOL_VERSION}",
        "$defs": _schemas("#/$defs/"),
    }


def asyncapi() -> Schema:
    """An AsyncAPI 3.0 document: channels by subject, and who sends and receives what on them."""
    streams = Topology("namespace").streams()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Headrace",
            "version": str(PROTOCOL_VERSION),
            "description": "Messages between coordinator, workers and publishers on NATS JetStream.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": Encoding.MSGPACK.value,
        "channels": {name: _channel(channel, streams) for name, channel in CHANNELS.items()},
        "operations": {
            f"{role}_{action}_{name}": _operation(name, channel, role, action)
            for name, channel in CHANNELS.items()
            for action, roles in (("send", channel.senders), ("receive", channel.receivers))
            for role in roles
        },
        "components": {
            "schemas": _schemas("#/components/schemas/")
            | {"Headers": _headers(), "CloudEventHeaders": _event_headers()},
            "messages": {kind.__name__: _message(kind) for kind in WIRE_TYPES},
            "parameters": {
                name: {"description": parameter.description}
                | ({"enum": list(parameter.values)} if parameter.values else {})
                for name, parameter in PARAMETERS.items()
            },
        },
    }


def _schemas(ref_prefix: str) -> dict[str, Schema]:
    return components(MESSAGE_TYPES, ref_prefix) | {"CloudEvent": _structured_event()}


def _structured_event() -> Schema:
    """A CloudEvent as a JSON object: extensions are members, binary data is Base64."""
    (schema,) = components((CloudEvent,), "").values()
    properties = schema["properties"]
    if not isinstance(properties, dict):
        raise TypeError("the schema of a Struct has properties")
    del properties["extensions"]
    properties["specversion"] = {"const": SPEC_VERSION}
    properties["data_base64"] = {"type": "string", "description": "Instead of `data`, for bytes."}
    return schema | {
        "required": ["specversion", "id", "source", "type"],
        "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
    }


def _channel(channel: Channel, streams: tuple[StreamSpec, ...]) -> Schema:
    names = re.findall(r"{(\w+)}", channel.address)
    # An address of null says that it is known at run time only.
    document: Schema = {
        "address": channel.address or None,
        "summary": channel.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "bindings": {"nats": {}},
    }
    if names:
        document["parameters"] = {name: {"$ref": f"#/components/parameters/{name}"} for name in names}
    if stream := _stream_of(channel.address, streams):
        document["x-jetstream"] = {
            "stream": stream.name.replace("_namespace", "_{namespace}"),
            "retention": stream.retention.value,
            "maxBytes": stream.max_bytes,
            "maxAgeSeconds": stream.max_age_s,
            "discard": "new" if stream.discard_new else "old",
            "duplicateWindowSeconds": stream.duplicate_window_s,
        }
    return document


def _stream_of(address: str, streams: tuple[StreamSpec, ...]) -> StreamSpec | None:
    subject = address.replace("{namespace}", "namespace")
    for stream in streams:
        if any(subject.startswith(pattern.removesuffix(">")) for pattern in stream.subjects):
            return stream
    return None


def _operation(name: str, channel: Channel, role: str, action: str) -> Schema:
    document: Schema = {
        "action": action,
        "summary": channel.summary,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel.messages],
        "tags": [{"name": role}],
        "bindings": {"nats": {"bindingVersion": "0.1.0"}},
    }
    if name == COMMAND:
        document["reply"] = {
            "address": {"location": f"$message.header#/{headers.REPLY_TO}"},
            "channel": {"$ref": f"#/channels/{REPLY}"},
        }
    return document


def _message(kind: type[msgspec.Struct]) -> Schema:
    name = kind.__name__
    event = kind is CloudEvent
    return {
        "name": name,
        "title": name,
        "summary": (kind.__doc__ or "").splitlines()[0],
        "contentType": STRUCTURED if event else Encoding.MSGPACK.value,
        "headers": {"$ref": f"#/components/schemas/{'CloudEventHeaders' if event else 'Headers'}"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _trace_headers() -> dict[str, Schema]:
    pattern = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
    return {
        headers.TRACEPARENT: {"type": "string", "pattern": pattern, "description": "W3C trace context."},
        headers.TRACESTATE: {"type": "string", "description": "W3C trace context."},
    }


def _headers() -> Schema:
    return {
        "type": "object",
        "properties": {
            headers.VERSION: {
                "type": "string",
                "default": "1",
                "description": "Protocol version; a reader refuses a newer one than its own.",
            },
            headers.CONTENT_TYPE: {
                "enum": [encoding.value for encoding in Encoding],
                "default": Encoding.MSGPACK.value,
            },
            headers.MESSAGE_ID: {
                "type": "string",
                "description": "JetStream drops a second message with it.",
            },
            headers.REPLY_TO: {"type": "string", "description": "Subject for the reply to a command."},
            **_trace_headers(),
        },
    }


def _event_headers() -> Schema:
    """Binary mode has the attributes here; structured mode has a content type only."""
    attributes: dict[str, Schema] = {
        f"{PREFIX}{name}": {"type": "string", "description": "Percent-encoded (HTTP binding 3.1.3.2)."}
        for name in ("specversion", "id", "source", "type", "subject", "time", "dataschema")
    }
    return {
        "type": "object",
        "properties": {
            headers.CONTENT_TYPE: {
                "type": "string",
                "description": f"Of the data in binary mode; {STRUCTURED} in structured mode.",
            },
            headers.MESSAGE_ID: {"type": "string", "description": "The event's id."},
            **attributes,
            **_trace_headers(),
        },
    }
