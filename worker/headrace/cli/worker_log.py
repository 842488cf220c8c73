"""What a worker process says of itself, on stderr: the tasks' own lines go to their runs."""

from __future__ import annotations

import logging
import sys

OWN = ("headrace.worker", "headrace.bus")


def show_worker_log() -> None:
    """Print what the worker says from now on, and what it warns of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in OWN:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False  # what tasks do with the root logger is theirs
