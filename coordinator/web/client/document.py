"""Prints the API's description of itself, without starting anything: what the client's types are made from."""

from __future__ import annotations

import json
import sys
from typing import cast

from headrace_coordinator.api.app import create_app
from headrace_coordinator.api.openapi import describe
from headrace_coordinator.runtime.port import Coordinator
from headrace_coordinator.store.port import Reader

# Describing reads routes and types; it asks neither of the two for anything.
app = create_app(cast(Coordinator, None), cast(Reader, None), namespace="default")
json.dump(describe(app, "0"), sys.stdout, indent=1)
