"""Async tasks, on the worker's own loop."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.lanes.port import Lane
from headrace.runtime.values import Raw, TaskCodec
from headrace.runtime.watchdog.board import NOBODY, Board
from headrace.runtime.watchdog.steps import marked


class InlineLane(Lane):
    """See `headrace.runtime.lanes.port.Lane`."""

    def __init__(self, board: Board | None = None) -> None:
        """`board`: where the watchdog reads whose step it is."""
        self._board = board

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        work = self._work(attempt, codec, inputs)
        board = self._board
        if board is None:
            return await work
        return await marked(work, partial(board.run, board.slot_of(attempt)), partial(board.run, NOBODY))

    async def _work(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        value = codec.task.function(**codec.arguments(inputs))
        if inspect.isawaitable(value):
            value = await value
        return codec.produced(value, attempt.message.counts)

    async def close(self) -> None:
        return None
