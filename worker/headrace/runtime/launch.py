"""What a worker was started with: what its processes start with too, whatever tasks have changed since."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from headrace.authoring.modules import is_file


class Launch(msgspec.Struct, frozen=True):
    """Folder, environment and import path, taken before the user's code is imported."""

    folder: str
    environment: dict[str, str]
    path: tuple[str, ...]
    """`sys.path`, absolute."""
    targets: tuple[str, ...]
    """Files as absolute paths, modules as they are."""

    @classmethod
    def of(cls, targets: tuple[str, ...]) -> Launch:
        folder = Path.cwd()
        return cls(
            str(folder),
            dict(os.environ),
            tuple(str(folder / entry) for entry in sys.path),
            tuple(str(folder / target) if is_file(target) else target for target in targets),
        )

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command that runs `main()` of a module of ours, with this path and no other: a `queue.py` in the
        user's folder must not be imported in place of the standard library's before ours has been."""
        boot = f"import sys; sys.path[:] = {list(self.path)!r}; from {module} import main; main()"
        return [sys.executable, "-P", "-c", boot, *arguments]
