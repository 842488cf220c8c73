"""The application: routes, errors, and the description of itself."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from headrace_coordinator.api import (
    bulk,
    changes,
    content,
    deploys,
    events,
    follow,
    health,
    letters,
    logs,
    openapi,
    operations,
    runs,
    ui,
    workflows,
)
from headrace_coordinator.api.hosts import is_allowed
from headrace_coordinator.api.problems import CrossOrigin, Incoming, on_bug, on_headrace_error, on_http_error
from headrace_coordinator.api.services import ApiSettings, Services, installed_version, wall_clock_us
from headrace_coordinator.runtime.port import Coordinator
from headrace_coordinator.store.port import Reader
from headrace_protocol.errors import HeadraceError

PREFIX = "/api/v1"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

VERSIONED: list[HTTPRouteHandler] = [
    workflows.workflows_list,
    workflows.workflows_show,
    workflows.workflows_versions,
    workflows.workflows_grid,
    workflows.workflows_deploy,
    deploys.deploys_create,
    deploys.workflows_retire,
    deploys.workflows_restore,
    deploys.workflows_rollback,
    deploys.workflows_pause,
    deploys.workflows_resume,
    deploys.workflows_delete,
    deploys.workflows_changes,
    workflows.runs_start,
    runs.runs_list,
    runs.runs_counts,
    runs.runs_histogram,
    bulk.runs_cancel_many,
    bulk.runs_retry_many,
    runs.runs_show,
    runs.runs_history,
    runs.runs_attempts,
    logs.runs_logs,
    logs.logs_summary,
    logs.logs_search,
    logs.logs_text,
    logs.logs_lines,
    runs.runs_explain,
    runs.runs_trace,
    runs.runs_events,
    runs.runs_result,
    runs.runs_input,
    content.run_content,
    content.node_content,
    runs.runs_cancel,
    runs.runs_retry,
    events.events_publish,
    events.events_list,
    events.events_show,
    changes.changes,
    follow.live,
    follow.live_poll,
    operations.info,
    operations.load_failures_report,
    operations.workers_list,
    operations.queues_list,
    operations.queues_show,
    operations.overview,
    letters.letters_list,
    letters.letters_show,
    letters.letters_redrive,
    letters.letters_discard,
    letters.letters_redrive_many,
    letters.letters_discard_many,
    openapi.document,
]
UNVERSIONED: list[HTTPRouteHandler] = [
    health.live,
    health.ready,
    health.metrics,
    operations.error_meaning,
    ui.index,
    ui.page,
]


class Api(Litestar):
    """Litestar without the plugins for libraries that we do not use: importing them is most of a start."""

    __slots__ = ("services",)
    services: Services

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def create_app(
    coordinator: Coordinator,
    store: Reader,
    *,
    namespace: str,
    settings: ApiSettings | None = None,
    now_us: Callable[[], int] = wall_clock_us,
    metrics: Callable[[], object] | None = None,
) -> Api:
    """The API of one coordinator.

    `metrics` gives what OpenTelemetry has collected (`InMemoryMetricReader.get_metrics_data`) for `/metrics`.
    """
    chosen = settings or ApiSettings()
    chosen = msgspec.structs.replace(chosen, version=chosen.version or installed_version())
    services = Services(coordinator, store, namespace, chosen, now_us, metrics)

    def provide() -> Services:
        return app.services

    def refuse_other_sites(request: Incoming) -> None:
        _refuse_other_names(request, chosen.hosts)
        _refuse_other_origins(request)

    app = Api(
        route_handlers=[Router(PREFIX, route_handlers=VERSIONED), *UNVERSIONED],
        dependencies={"services": Provide(provide, sync_to_thread=False)},
        exception_handlers={
            HeadraceError: on_headrace_error,
            HTTPException: on_http_error,
            Exception: on_bug,
        },
        before_request=refuse_other_sites,
        request_max_body_size=chosen.max_body_bytes,
        openapi_config=None,
        logging_config=None,
    )
    app.services = services
    return app


def _refuse_other_names(request: Incoming, hosts: tuple[str, ...]) -> None:
    """A page of another site may not read through its visitor's browser, which asks for a name of that site."""
    host = request.headers.get("host", "")
    if hosts and not is_allowed(host, hosts) and not request.url.path.startswith("/health/"):
        raise CrossOrigin(
            "the API is not served under this name",
            where="Host",
            found=host[:200],
            expected=", ".join(hosts),
            fix="Ask for it under one of these names, or start the coordinator with --allowed-host.",
        )


def _refuse_other_origins(request: Incoming) -> None:
    """Nor may it send commands, of which the browser tells the origin."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if request.method in _SAFE or not origin:
        return
    if urlsplit(origin).netloc != host:
        raise CrossOrigin(
            "a page of another site may not send commands",
            where="Origin",
            found=origin[:200],
            expected=host,
            fix="Send the request from a program, or from the coordinator's own pages.",
        )
