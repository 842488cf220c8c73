"""Builds the web UI into the wheel, with a Node that is asked for only when the bundle is stale."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _toolchain(root: str) -> ModuleType:
    """The module beside this file, which hatchling runs without a place to import from."""
    file = Path(root, "coordinator/web/toolchain.py")
    spec = importlib.util.spec_from_file_location("headrace_web_toolchain", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WebBuildHook(BuildHookInterface[Any]):
    """`HEADRACE_SKIP_UI=1` leaves the bundle as it is, or absent."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling; read before it begins."""
        return [_toolchain(self.root).node_requirement()] if self._stale() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle before files are collected."""
        if not self._stale():
            return
        try:
            _toolchain(self.root).build()
        except subprocess.CalledProcessError as failed:
            raise RuntimeError(
                f"the web UI was not built: `{Path(failed.cmd[1]).name}` failed (see above). "
                "It needs a registry of npm packages; with HEADRACE_SKIP_UI=1 Headrace is built without its UI."
            ) from failed

    def _stale(self) -> bool:
        return os.environ.get("HEADRACE_SKIP_UI") != "1" and not _toolchain(self.root).is_current()
