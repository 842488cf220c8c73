"""Whatever is sent: no answer is a crash, and every answer is what the description says."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headrace_coordinator.api.app import UNVERSIONED, VERSIONED, Api, create_app
from headrace_coordinator.api.services import ApiSettings
from headrace_coordinator.store.memory import MemoryStore
from tests.unit.api.fake_coordinator import NAMESPACE, FakeCoordinator
from tests.unit.api.samples import FLIGHTS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# A stream does not end, so it cannot be compared with a schema; `test_changes.py` reads it.
OPERATIONS = [
    str(handler.operation_id)
    for handler in [*VERSIONED, *UNVERSIONED]
    if handler.operation_id and handler.operation_id not in ("changes", "followLive")
]


@pytest.fixture(scope="module")
def described() -> Iterator[BaseSchema]:
    async def prepare() -> Api:
        store = MemoryStore()
        await store.open()
        coordinator = FakeCoordinator(store)
        await coordinator.deploy(FLIGHTS)
        return create_app(
            coordinator, store, namespace=NAMESPACE, settings=ApiSettings(version="1", store="memory")
        )

    logging.disable(logging.INFO)
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", asyncio.run(prepare()))
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_answers_are_as_described(described: BaseSchema, operation_id: str) -> None:
    operation = described.find_operation_by_id(operation_id)

    # Definitions are deep: drawing one takes as long as a hundred requests.
    examples = 4 if operation_id == "deployWorkflow" else 15

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    answers()


def test_libraries_that_are_not_used_are_not_imported() -> None:
    code = (
        "import sys; from headrace_coordinator.api.app import create_app; "
        "create_app(None, None, namespace='x'); "
        "print([name for name in ('pydantic', 'attrs', 'polyfactory', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
