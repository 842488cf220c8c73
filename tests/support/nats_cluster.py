"""Three nats-servers that hold streams together."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

import nats
import nats.errors
from nats.js.api import StreamInfo

from headrace_coordinator.local.nats_server import HOST, EmbeddedNats
from tests.support.cluster import eventually, free_port


class _Member(EmbeddedNats):
    def __init__(self, data_dir: Path, number: int, routes: list[int]) -> None:
        super().__init__(data_dir, port=free_port(), server_name=f"n{number}")
        self._number = number
        self._routes = routes

    def _config(self) -> str:
        others = ", ".join(f'"nats-route://{HOST}:{port}"' for port in self._routes)
        cluster = f'{{ name: three, listen: "{HOST}:{self._routes[self._number]}", routes: [{others}] }}'
        return f"{super()._config()}\ncluster {cluster}\n"


class NatsCluster:
    """See the module."""

    def __init__(self, directory: Path) -> None:
        routes = [free_port() for _ in range(3)]
        self.members = [_Member(directory / f"n{number}", number, routes) for number in range(3)]

    @property
    def url(self) -> str:
        return ",".join(member.url for member in self.members)

    @property
    def urls(self) -> list[str]:
        return [member.url for member in self.members]

    async def __aenter__(self) -> Self:
        for member in self.members:
            await member.start()
        await eventually(self._agree, 60)
        return self

    async def _agree(self) -> bool:
        """Whether they have a leader among them, and all know of each other: a stream of three can be made."""
        connection = await nats.connect(self.urls)
        try:
            await connection.jetstream().add_stream(name="TRIAL", subjects=["trial"], num_replicas=3)
            return await connection.jetstream().delete_stream("TRIAL")
        except (nats.errors.Error, TimeoutError):
            return False
        finally:
            await connection.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for member in self.members:
            await member.stop()

    async def streams(self, namespace: str = "default") -> dict[str, StreamInfo]:
        """What there is of the namespace's streams and bucket, by name."""
        connection = await nats.connect(self.urls)
        try:
            found = await connection.jetstream().streams_info()
            return {str(one.config.name): one for one in found if str(one.config.name).endswith(namespace)}
        finally:
            await connection.close()

    async def step_down(self, of: str) -> None:
        """Have a stream (`HR_TASKS_default`) or a consumer (`HR_TASKS_default.default_normal`) led by another server.
        Nothing dies, and nobody is told."""
        kind = "CONSUMER" if "." in of else "STREAM"
        connection = await nats.connect(self.urls)
        try:
            answer = await connection.request(f"$JS.API.{kind}.LEADER.STEPDOWN.{of}", b"", timeout=10)
            assert json.loads(answer.data).get("success"), answer.data
        finally:
            await connection.close()

    async def leader(self, of: str) -> _Member:
        """Who leads a stream."""
        info = (await self.streams())[of]
        assert info.cluster is not None
        return next(one for one in self.members if one.server_name == info.cluster.leader)
