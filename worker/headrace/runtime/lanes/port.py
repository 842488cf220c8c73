"""The contract of a lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.values import Raw, TaskCodec


class Lane(Protocol):
    """See the package's docstring."""

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced: ...

    async def close(self) -> None: ...
