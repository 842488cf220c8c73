"""Calls that go straight to NATS, for where no HTTP API can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headrace.bus.options import BusOptions
from headrace.cli.views import Deployed
from headrace.client import Client
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.definition import WorkflowDefinition


def publish_event(event: CloudEvent, options: BusOptions, namespace: str) -> None:
    """Publish an event; returns when JetStream has it. Raises Unavailable, ProtocolError."""
    asyncio.run(_publish(event, options, namespace))


def deploy_definitions(
    definitions: Sequence[WorkflowDefinition], options: BusOptions, namespace: str
) -> list[Deployed]:
    """Deploy definitions; returns when each is committed. Raises Unavailable, DefinitionError."""
    return asyncio.run(_deploy(definitions, options, namespace))


async def _publish(event: CloudEvent, options: BusOptions, namespace: str) -> None:
    async with Client(namespace=namespace, options=options) as client:
        await client.publish(
            event.type,
            event.data,
            id=event.id,
            source=event.source,
            subject=event.subject,
            traceparent=str(event.extensions.get("traceparent", "")) or None,
        )


async def _deploy(
    definitions: Sequence[WorkflowDefinition], options: BusOptions, namespace: str
) -> list[Deployed]:
    async with Client(namespace=namespace, options=options) as client:
        replies = [await client.deploy(definition) for definition in definitions]
    return [
        Deployed(
            workflow=definition.name, version=reply.version or definition.version(), created=reply.created
        )
        for definition, reply in zip(definitions, replies, strict=True)
    ]
