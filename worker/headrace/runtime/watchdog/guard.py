"""What the watchdog does once it is needed: it looks at the beat, and acts while it stands still."""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
import socket
import sys
import time
from typing import NoReturn

import msgspec

from headrace.runtime.leases import heartbeat_s
from headrace.runtime.process_tree import kill_group, kill_tree, send, stat_of
from headrace.runtime.watchdog.board import Held, Reader
from headrace.runtime.watchdog.idle import EAGER_S, interval_s, silence_s
from headrace.runtime.watchdog.link import Hello
from headrace.runtime.watchdog.stacks import Stacks, every_thread, main_thread
from headrace.runtime.watchdog.verdict import Verdict, suspects, verdict
from headrace.runtime.watchdog.voice import FIX, Voice

log = logging.getLogger("headrace.worker")

WARN_EVERY_S = 10.0
LINGER_S = 60.0
"""How long the connection is kept after a block."""
GIVE_UP_S = 15.0
"""How long the bus may take to hear how everything ended, before the worker is ended all the same."""
_HELLO_BYTES = 1024 * 1024


def guard(memory: mmap.mmap, connection: int, stacks: int, worker: int, seen: int, since_s: float) -> None:
    """Returns when the worker has ended. `seen`, `since_s`: the beats counted last, and since when they stand there."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with socket.socket(fileno=connection) as link:
        hello = msgspec.msgpack.decode(link.recv(_HELLO_BYTES), type=Hello)
        asyncio.run(_Guard(hello, Reader(memory), Stacks(stacks), worker, link, seen, since_s).run())


class _Guard:
    def __init__(
        self,
        hello: Hello,
        board: Reader,
        stacks: Stacks,
        worker: int,
        link: socket.socket,
        seen: int,
        since_s: float,
    ) -> None:
        self._settings = hello.settings
        self._name = hello.worker
        self._board = board
        self._stacks = stacks
        self._worker = worker
        self._link = link
        self._voice = Voice(hello.worker, hello.settings)
        self._beats = seen
        self._since_s = since_s
        self._looked_s = time.monotonic()
        self._blocked = False
        self._kept_s = self._beaten_s = self._warned_s = self._needed_s = -1e9
        """When that was done, or needed, last."""
        self._refused = ""

    async def run(self) -> None:
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._link, gone.set)
        while not gone.is_set() and os.getppid() == self._worker:
            await self._look()
            with_timeout = asyncio.wait_for(gone.wait(), interval_s(self._board.ack_wait_s))
            await asyncio.gather(with_timeout, return_exceptions=True)
        await self._voice.close()
        if not self._board.leaving:
            await self._end_processes()

    async def _look(self) -> None:
        now_s, beats = time.monotonic(), self._board.beats
        late_s, self._looked_s = now_s - self._looked_s, now_s
        if beats != self._beats:
            self._runs_again(now_s)
            self._beats, self._since_s = beats, now_s
        elif _stopped(self._worker) or late_s > 5 + 3 * interval_s(self._board.ack_wait_s):
            # Frozen, and not blocked: its tasks are to go to others. Or we were.
            self._since_s = now_s
        elif beats and now_s - self._since_s > silence_s(self._board.ack_wait_s):
            held = list(self._board.held())
            if held:
                await self._stand_in(held, now_s)
                return
        if self._board.ack_wait_s < EAGER_S:
            await self._voice.connect()
        elif now_s - self._needed_s > LINGER_S:
            await self._voice.close()

    def _runs_again(self, now_s: float) -> None:
        if self._blocked:
            log.warning(
                "the event loop of worker %s runs again after %.1f s", self._name, now_s - self._since_s
            )
        self._blocked = False
        self._stacks.clear()

    async def _stand_in(self, held: list[Held], now_s: float) -> None:
        self._blocked, self._needed_s = True, now_s
        refused = await self._voice.connect()
        if refused and refused != self._refused:
            log.warning("the watchdog of worker %s has no connection to NATS: %s", self._name, refused)
        self._refused = refused
        if not refused and now_s - self._kept_s >= silence_s(self._board.ack_wait_s):
            self._kept_s = now_s
            self._voice.keep(held)
        if not refused and now_s - self._beaten_s >= heartbeat_s(
            self._settings.heartbeat_s, self._board.ack_wait_s
        ):
            self._beaten_s = now_s
            self._voice.beat(self._board.heartbeat(), held)
        stack = self._stacks.newest()
        # It is written at the moment at which we begin to look for it, and again if we looked too early.
        written = stack or now_s - self._since_s > 3 * silence_s(self._board.ack_wait_s)
        if written and now_s - self._warned_s >= WARN_EVERY_S:
            self._warned_s = now_s
            self._warn(held, stack, now_s)
        found = verdict(held, self._board.running, now_s, self._settings.cancel_grace_s)
        if found is not None:
            await self._end_worker(found, now_s)

    def _warn(self, held: list[Held], stacks: str, now_s: float) -> None:
        running = self._board.running
        found = suspects(held, running)
        sure = len(found) == 1 and found[0].slot == running
        blocked = f"blocked for {now_s - self._since_s:.1f} s"
        stack = main_thread(stacks) if sure else every_thread(stacks)
        who = ", ".join(f"{one.entry.node} of run {one.entry.run_id}" for one in found[:5]) or "nobody known"
        verb = "by" if sure else "perhaps by"
        log.warning(
            "the event loop of worker %s is %s %s %s: nothing else goes on there\n%s",
            self._name,
            blocked,
            verb,
            who,
            stack,
        )
        if len(found) == 1:
            self._voice.tell(
                found[0], f"the worker's event loop is {blocked} {verb} this task. {FIX}\n{stack}"
            )

    async def _end_worker(self, found: Verdict, now_s: float) -> None:
        if self._worker == 1:
            log.error(
                "worker %s is process 1 of its container: nothing can end it. Start it under an init",
                self._name,
            )
            return
        processes = self._board.processes()
        self._freeze(processes, signal.SIGSTOP)
        if self._board.beats != self._beats:  # it went on in the last moment
            self._freeze(processes, signal.SIGCONT)
            return
        blocked_s = now_s - self._since_s
        stack = main_thread(self._stacks.newest())
        until_s = time.monotonic() + GIVE_UP_S
        told = False
        while not told and time.monotonic() < until_s:
            told = not await self._voice.connect() and await self._voice.give_up(
                found.late, found.returned, stack, blocked_s
            )
            if not told:
                await asyncio.sleep(0.2)
        if told:
            self._voice.beat(self._board.heartbeat(), (), stopped=True)
        log.warning(
            "worker %s is ended: %s blocked its event loop for %.1f s, past the timeout; %d others are returned%s",
            self._name,
            ", ".join(f"{one.entry.node} of run {one.entry.run_id}" for one in found.late[:5]),
            blocked_s,
            len(found.returned),
            "" if told else " once the bus notices: it could not be told",
        )
        await self._voice.close()
        self._kill(processes)

    def _freeze(self, processes: list[int], number: signal.Signals) -> None:
        for pid in (*processes, self._worker):
            send(pid, number)

    def _kill(self, processes: list[int]) -> NoReturn:
        for pid in processes:
            kill_tree(pid)
        kill_tree(self._worker, spare=os.getpid())
        sys.exit(0)

    async def _end_processes(self) -> None:
        """The worker has died. Its processes notice, let their tasks clean up, and end; those that cannot are ended."""
        until_s = time.monotonic() + self._settings.cancel_grace_s + 1
        left = [pid for pid in self._board.processes() if stat_of(pid)]
        while left and time.monotonic() < until_s:
            await asyncio.sleep(0.1)
            left = [pid for pid in left if stat_of(pid)]
        for pid in left:
            kill_tree(pid)
        for pid in self._board.processes():
            kill_group(pid)


def _stopped(pid: int) -> bool:
    """Whether a process is stopped, by SIGSTOP or a debugger."""
    return stat_of(pid)[:1] in (["T"], ["t"])
