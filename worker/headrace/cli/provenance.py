"""Where a deploy comes from: who, on which machine, and which commit, where there is Git.

Git is only read: no hooks, no file system monitor, no locks, no prompts, and whatever takes long is left out.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from headrace_protocol.deploys import Provenance

TIMEOUT_S = 3.0
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false")
_SCP_LIKE = re.compile(r"(?:[^/@]+@)?([^/:]+):(?!//)(.+)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/]+)/(.+)")
_PORT = re.compile(r":\d+$")


def provenance(root: Path, files: Sequence[Path]) -> Provenance:
    """What is known of a deploy of some files below a project's root. Never raises."""
    head = _git(root, "log", "-1", "--no-color", "--format=%H%n%an <%ae>")
    commit, _, author = (head or "").partition("\n")
    if not commit:
        return Provenance(by=user(), host=socket.gethostname())
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or ""
    return Provenance(
        by=user(),
        host=socket.gethostname(),
        commit=commit,
        author=author,
        branch=branch,
        dirty=_dirty(root, files),
    )


def user() -> str:
    """Who runs this; empty where nobody can say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def repository(root: Path) -> str:
    """The address of the repository, the same for every way to reach it: `git.example.com/team/shop`. Empty without
    Git or without a remote called origin."""
    url = _git(root, "config", "--get", "remote.origin.url") or ""
    found = _URL.fullmatch(url) or _SCP_LIKE.fullmatch(url)
    if found is None:
        return ""
    path = found[2].strip("/").removesuffix(".git")
    return f"{_PORT.sub('', found[1])}/{path}"


def _dirty(root: Path, files: Sequence[Path]) -> bool | None:
    """Whether a tracked file differs from the commit, or a deployed one is not tracked."""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    if changed is None:
        return None
    return bool(changed) or (
        bool(files) and _git(root, "ls-files", "--error-unmatch", "--", *map(str, files)) is None
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What Git prints; None when there is none, it fails, or it takes too long."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ("git", *_QUIET, "-C", str(root), *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
