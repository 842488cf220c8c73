"""Async tasks, on the worker's own loop."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.forks import only_here
from headrace.runtime.lanes.port import Lane
from headrace.runtime.values import Raw, TaskCodec


class InlineLane(Lane):
    """See `headrace.runtime.lanes.port.Lane`."""

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        arguments = codec.arguments(inputs)
        with only_here():
            value = codec.task.function(**arguments)
            if inspect.isawaitable(value):
                value = await value
        return codec.produced(value, attempt.message.counts)

    async def close(self) -> None:
        return None
