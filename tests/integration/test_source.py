"""The text of a workflow is kept beside its version and makes no new one."""

from __future__ import annotations

import msgspec
import pytest

from headrace_protocol.definition import WorkflowDefinition
from tests.integration.shared import small_cluster
from tests.unit.api.samples import FLIGHTS

pytestmark = pytest.mark.anyio


def test_the_version_does_not_depend_on_the_text() -> None:
    other = msgspec.structs.replace(FLIGHTS, source="def flights(): ...  # with a comment")
    assert other.version() == FLIGHTS.version()
    assert msgspec.structs.replace(FLIGHTS, doc="other").version() != FLIGHTS.version()


async def test_a_changed_text_is_shown_and_makes_no_version(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with small_cluster(tmp_path_factory.mktemp("source")) as cluster:

        async def deploy(definition: WorkflowDefinition) -> bool:
            answer = await cluster.api.put(
                "/workflows/flights",
                content=msgspec.json.encode(definition),
                headers={"content-type": "application/json"},
            )
            assert answer.is_success, answer.text
            return bool(answer.json()["created"])

        assert await deploy(msgspec.structs.replace(FLIGHTS, source="one"))
        first = (await cluster.api.get("/workflows/flights")).json()
        assert not await deploy(msgspec.structs.replace(FLIGHTS, source="two"))
        second = (await cluster.api.get("/workflows/flights")).json()
        assert (first["definition"]["source"], second["definition"]["source"]) == ("one", "two")
        assert (first["version"], first["deployed_at_us"]) == (second["version"], second["deployed_at_us"])
        assert len((await cluster.api.get("/workflows/flights/versions")).json()["versions"]) == 1
