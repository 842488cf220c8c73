"""The API's description of itself (OpenAPI 3.1), made from the handlers and the types."""

from __future__ import annotations

from typing import cast

import msgspec
from litestar import Litestar, Response, get
from litestar.config.app import AppConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag
from litestar.plugins import InitPluginProtocol
from litestar.routes import HTTPRoute

from headrace_coordinator.api.problems import Incoming
from headrace_coordinator.api.services import Given
from headrace_protocol.cloudevent import BATCH, STRUCTURED, CloudEvent
from headrace_protocol.headers import Encoding

MEDIA_TYPE = "application/vnd.oai.openapi+json"
REF = "#/components/schemas/{name}"
TAGS = [
    Tag("workflows", "What is deployed."),
    Tag("runs", "Starting, reading and cancelling runs."),
    Tag("events", "CloudEvents in and out."),
    Tag("operations", "Workers, queues, dead letters and live changes."),
    Tag("health", "Probes and metrics."),
]
EXAMPLES: dict[str, object] = {
    "StartRequest": {"params": {"month": "2013-01"}, "labels": {"team": "ops"}, "idempotency_key": "2013-01"},
    "RunRequest": {"reason": "wrong month"},
    "CloudEvent": {
        "specversion": "1.0",
        "id": "month-2013-01",
        "source": "/airport",
        "type": "flights.month_landed",
        "data": {"month": "2013-01"},
    },
}
Json = dict[str, object]


@get("/openapi.json", include_in_schema=False, media_type=MEDIA_TYPE)
async def document(services: Given, request: Incoming) -> Response[bytes]:
    body = msgspec.json.encode(describe(request.app, services.settings.version))
    return Response(body, media_type=MEDIA_TYPE)


def describe(app: Litestar, version: str) -> Json:
    """The document. Bodies are read by our own codec, so their schemas are added here."""
    config = OpenAPIConfig(
        title="Headrace",
        version=version,
        description="Workflows on NATS JetStream. Times are microseconds since the epoch.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=TAGS,
    )
    for plugin in app.plugins.init:
        _configure(plugin, config)
    found = cast("Json", msgspec.to_builtins(app.openapi_schema.to_schema()))
    kinds = {
        str(handler.operation_id): handler.opt["body"]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "body" in handler.opt
    }
    _add_bodies(found, kinds)
    return found


def _configure(plugin: InitPluginProtocol, config: OpenAPIConfig) -> None:
    """Give the schema's plugin its settings without the pages that it would add to the application."""
    if hasattr(plugin, "provide_openapi_schema"):
        plugin.on_app_init(AppConfig(openapi_config=config))


def _add_bodies(document: Json, kinds: dict[str, type]) -> None:
    _, schemas = msgspec.json.schema_components(list(kinds.values()), schema_hook=_anything, ref_template=REF)
    components = cast("dict[str, Json]", document["components"])
    components["schemas"].update(schemas)
    for path in cast("dict[str, Json]", document["paths"]).values():
        for operation in cast("dict[str, Json]", path).values():
            kind = kinds.get(str(operation.get("operationId")))
            if kind is not None:
                operation["requestBody"] = _body(kind)


def _anything(kind: type) -> Json:
    """The schema of values that are the user's own."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise TypeError(f"no schema for {kind}")


def _body(kind: type) -> Json:
    content: Json = {"schema": {"$ref": REF.format(name=kind.__name__)}}
    if kind.__name__ in EXAMPLES:
        content["example"] = EXAMPLES[kind.__name__]
    if kind is CloudEvent:
        batch: Json = {"schema": {"type": "array", "items": content["schema"]}}
        return {"required": True, "content": {STRUCTURED: content, BATCH: batch}}
    return {"required": True, "content": {Encoding.JSON.value: content, Encoding.MSGPACK.value: content}}
