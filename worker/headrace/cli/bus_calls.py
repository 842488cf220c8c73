"""Calls that go straight to NATS, for where no HTTP API can be reached."""

from __future__ import annotations

import asyncio

from headrace.bus.options import BusOptions
from headrace.cli.deploy_views import DeployReport
from headrace.client import Client
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.messages import DeploySet


def publish_event(event: CloudEvent, options: BusOptions, namespace: str) -> None:
    """Publish an event; returns when JetStream has it. Raises Unavailable, ProtocolError."""
    asyncio.run(_publish(event, options, namespace))


def deploy_set(command: DeploySet, options: BusOptions, namespace: str) -> DeployReport:
    """Deploy a set; returns when it is committed or refused. Raises Unavailable."""
    return asyncio.run(_deploy(command, options, namespace))


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


async def _deploy(command: DeploySet, options: BusOptions, namespace: str) -> DeployReport:
    async with Client(namespace=namespace, options=options) as client:
        reply = await client.deploy_set(command)
    return DeployReport(
        dry_run=command.dry_run, created=reply.created, results=reply.results, error=reply.error
    )
