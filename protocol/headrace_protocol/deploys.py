"""What a deploy of several workflows consists of, and what is answered to it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.errors import ErrorInfo


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a deploy came from, as far as its sender knows. Everything but `by` and `host` is Git's."""

    by: str = ""
    """The user who deployed."""
    host: str = ""
    commit: str = ""
    author: str = ""
    """Of the commit."""
    branch: str = ""
    dirty: bool | None = None
    """Whether files differed from the commit; None: not known."""


class DeployMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A definition of a set."""

    definition: WorkflowDefinition
    set: str
    """The deploy set that the workflow belongs to from now on."""
    file: str = ""
    """Where it is defined: a path inside the project, or a module."""
    code: str = ""
    """Hash of the code of its tasks."""


class DeployPart(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a set that was read in full, or that no longer exists: all its workflows are among the members."""

    set: str
    file: str


class Prune(StrEnum):
    """Which workflows of the sets concerned a deploy retires when they are not among its members."""

    NONE = "none"
    FILES = "files"
    """Those of the parts' files. Others of the set stay."""
    SET = "set"
    """All of them; refused when the set has workflows of files that are no parts."""


class DeployState(StrEnum):
    """What became of a workflow in a deploy; in a dry run, what would."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    RETIRED = "retired"
    REFUSED = "refused"


class DeployResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workflow of a deploy set."""

    workflow: str
    state: DeployState
    version: str = ""
    previous: str = ""
    """The version that was current before; empty for a new workflow."""
    notes: tuple[str, ...] = ()
    """What else changes, such as the set that it belonged to."""
    error: ErrorInfo | None = None
    """Why it is refused."""
