"""The contract of a lane."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.values import Raw, TaskCodec


class Lane(Protocol):
    """See the package's docstring."""

    def reserved(self, attempt: Attempt) -> AbstractAsyncContextManager[None]:
        """What the attempt needs before its clock starts; nothing, unless a lane says otherwise. Raises AttemptFailed
        when it cannot be had."""
        return nullcontext()

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced: ...

    async def close(self) -> None: ...
