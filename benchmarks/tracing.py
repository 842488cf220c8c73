"""What tracing costs: the same runs with tracing off, sampled and full, in turns."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import threading
import time
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from _cluster import Cluster, quiet
from _figures import Figure, compared, run
from _usage import cpu_s

TASKS = 3
SAMPLED = 0.01


class Receiver:
    """Takes OTLP over HTTP and throws it away, so that the figures are the senders' alone."""

    def __init__(self) -> None:
        self.requests = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_address[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _cpu_s(cluster: Cluster) -> float:
    return cpu_s(cluster.coordinator.pid) + sum(cpu_s(worker.pid) for worker in cluster.workers)


async def rates(cluster: Cluster, runs: int, sampled: float | None) -> tuple[float, float]:
    """Tasks a second, and the processor time of coordinator and worker for a task in µs, spans sent."""

    def traceparent() -> str | None:
        if sampled is None:
            return None
        flags = "01" if random.random() < sampled else "00"
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"

    cluster.forget()
    used, started = _cpu_s(cluster), time.perf_counter()
    await asyncio.gather(
        *(
            cluster.client.publish("bench.three", {"number": number}, traceparent=traceparent())
            for number in range(runs)
        )
    )
    await cluster.ended(runs)
    rate = runs * TASKS / (time.perf_counter() - started)
    await quiet(cluster)
    return rate, (_cpu_s(cluster) - used) / (runs * TASKS) * 1e6


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    off, part, full = [], [], []
    silent = {"OTEL_SDK_DISABLED": "true"}
    with Receiver() as receiver:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            without = await enter(
                Cluster(environment=silent, coordinator={"keep_spans": False}, worker={"keep_spans": False})
            )
            traced = await enter(Cluster(environment=receiver.environment))
            for cluster in (without, traced):
                await rates(cluster, 100, None)
            for _ in range(arguments.rounds):
                off.append(await rates(without, arguments.runs, 0.0))
                part.append(await rates(traced, arguments.runs, SAMPLED))
                full.append(await rates(traced, arguments.runs, None))
        assert receiver.requests, "no spans have arrived"

    def cost(name: str, found: list[tuple[float, float]], limit: float | None) -> list[Figure]:
        slower = [(1e6 / rate, 1e6 / plain) for (rate, _), (plain, _) in zip(found, off, strict=True)]
        used = [(cpu, plain) for (_, cpu), (_, plain) in zip(found, off, strict=True)]
        return [
            compared(f"{name}, time per task", "µs", slower, limit=limit, against="tracing off"),
            compared(f"{name}, processor time per task", "µs", used, against="tracing off"),
        ]

    return [*cost("1 % sampled", part, None), *cost("full tracing", full, 1.15)]


if __name__ == "__main__":
    run(
        "tracing",
        "full tracing, kept in the store and exported over OTLP, costs at most 15 %",
        measure,
        ("--runs", {"type": int, "default": 500}),
        ("--rounds", {"type": int, "default": 7}),
    )
