"""A coordinator or a worker as a process of its own: its kind and its settings as JSON are the arguments."""

from __future__ import annotations

import sys

import msgspec


def main(kind: str, settings: str) -> None:
    if kind == "coordinator":
        from headrace_coordinator.main import CoordinatorSettings, run

        run(msgspec.json.decode(settings, type=CoordinatorSettings), lambda port: print(port, flush=True))
    else:
        from headrace.runtime.settings import WorkerSettings
        from headrace.runtime.worker import run_worker

        run_worker(msgspec.json.decode(settings, type=WorkerSettings))


if __name__ == "__main__":
    main(*sys.argv[1:])
