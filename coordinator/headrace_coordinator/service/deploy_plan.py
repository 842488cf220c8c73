"""What a deploy does to each of its workflows, and what refuses it."""

from __future__ import annotations

import msgspec

from headrace_coordinator.store.records import DefinitionRow, WorkflowChange, WorkflowState
from headrace_protocol.deploys import DeployMember, DeployResult
from headrace_protocol.errors import Conflict, ErrorInfo
from headrace_protocol.messages import DeploySet


class Planned(msgspec.Struct):
    """What becomes of a workflow, and what is written for it."""

    result: DeployResult
    row: DefinitionRow | None = None
    state: WorkflowState | None = None
    changes: list[WorkflowChange] = []
    notes: list[str] = []


def refused(results: tuple[DeployResult, ...]) -> ErrorInfo | None:
    """Why a set is not deployed: what its first refused workflow is refused for, and how many there are."""
    wrong = [result for result in results if result.error is not None]
    if not wrong or wrong[0].error is None:
        return None
    if len(results) == 1:
        return wrong[0].error
    first = wrong[0].error
    names = ", ".join(result.workflow for result in wrong)
    return msgspec.structs.replace(
        first,
        message=f"nothing was deployed: {len(wrong)} of {len(results)} workflows "
        f"{'is' if len(wrong) == 1 else 'are'} refused ({names}); {first.message}",
    )


def named(set_name: str, owner: str) -> str:
    """A set with its owner."""
    return f"{set_name} of {owner}" if owner else set_name


def _foreign(state: WorkflowState, command: DeploySet, member: DeployMember) -> bool:
    """Whether a workflow belongs to somebody else than who deploys it."""
    if not member.set or not state.set or state.deleted is not None:
        return False
    same_owner = not state.owner or not command.owner or state.owner == command.owner
    return not (same_owner and (state.set == member.set or state.set in command.replaces))


def conflict_with(state: WorkflowState, command: DeploySet, member: DeployMember) -> Conflict | None:
    """The error of a deploy that would take a workflow from another set. What its own set has retired, because no
    file of it defines it any more, is free."""
    if command.take_over or state.pruned or not _foreign(state, command, member):
        return None
    return Conflict(
        f"the workflow {state.workflow!r} belongs to another deploy set",
        where=member.file or f"workflow {state.workflow}",
        found=f"the set {named(state.set, state.owner)}"
        + (f", which defines it in {state.file}" if state.file not in {"", state.set} else ""),
        expected=f"the set {named(member.set, command.owner)}, or nobody's",
        fix="Rename one of the two workflows. To replace the other one, deploy with --take-over.",
    )


def moved(state: WorkflowState, command: DeploySet, member: DeployMember) -> tuple[str, str]:
    """What changes about whose the workflow is: the kind of the change, and a sentence. Empty when nothing does."""
    if not state.set:
        return "", ""
    if _foreign(state, command, member) and not state.pruned:
        return "taken_over", f"taken over from the set {named(state.set, state.owner)}"
    if state.set != member.set:
        return "moved", f"moved from the set {named(state.set, state.owner)}"
    if state.file != member.file:
        return "moved", f"moved from {state.file} to {member.file}"
    return "", ""


def part_of_set(state: WorkflowState, command: DeploySet) -> Conflict:
    """The error of a deploy that is to prune a set, and was given only some of its files."""
    given = ", ".join(sorted({part.file for part in command.parts if part.set == state.set}))
    return Conflict(
        f"--prune needs the whole set {state.set!r}, and was given part of it",
        where=f"workflow {state.workflow}",
        found=f"files {given}; this workflow is defined in {state.file or 'no file that is known'}",
        expected=f"{state.file or 'the file that defines it'} among the files",
        fix=f"Name all files of the set; add --gone {state.file} if that file no longer exists."
        if state.file
        else f"Retire it with `headrace workflows retire {state.workflow}`, or deploy it from a file.",
    )
