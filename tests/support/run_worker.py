"""A worker process for tests: settings as JSON in the first argument."""

import sys

import msgspec

from headrace.runtime.settings import WorkerSettings
from headrace.runtime.worker import run_worker

if __name__ == "__main__":
    run_worker(msgspec.json.decode(sys.argv[1], type=WorkerSettings))
