"""A coordinator process for tests: settings as JSON in the first argument, the API's port on stdout."""

import sys

import msgspec

from headrace_coordinator.main import CoordinatorSettings, run
from tests.support.stacks import tell_stacks_when_asked


def ready(port: int) -> None:
    tell_stacks_when_asked()
    print(port, flush=True)


if __name__ == "__main__":
    run(msgspec.json.decode(sys.argv[1], type=CoordinatorSettings), ready)
