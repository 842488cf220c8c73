"""The API of a coordinator, from its parts to a port that answers."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from headrace_coordinator.api.app import create_app
from headrace_coordinator.api.server import ApiServer
from headrace_coordinator.api.services import ApiSettings
from headrace_coordinator.api.ui import BUILD_COMMAND, is_built
from headrace_coordinator.runtime.port import Coordinator
from headrace_coordinator.store.port import Reader

log = logging.getLogger("headrace.api")


async def serve_api(
    coordinator: Coordinator,
    store: Reader,
    listening: socket.socket,
    *,
    namespace: str,
    store_kind: str,
    hosts: tuple[str, ...],
    jaeger_url_template: str,
    metrics: Callable[[], object] | None,
) -> ApiServer:
    """Serve on a socket that `listening.bind` made; returns once it answers."""
    settings = ApiSettings(store=store_kind, hosts=hosts, jaeger_url_template=jaeger_url_template)
    if not is_built(settings.ui):
        log.warning("the web UI is not built; in the checkout, run: %s", BUILD_COMMAND)
    server = ApiServer(
        create_app(coordinator, store, namespace=namespace, settings=settings, metrics=metrics)
    )
    await server.start(listening)
    return server
