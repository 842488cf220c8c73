"""A coordinator process for tests: settings as JSON in the first argument, the API's port on stdout."""

import sys

import msgspec

from headrace_coordinator.main import CoordinatorSettings, run

if __name__ == "__main__":
    run(
        msgspec.json.decode(sys.argv[1], type=CoordinatorSettings),
        lambda port: print(port, flush=True),
    )
