"""What a deploy reports: every workflow, and why it was refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from headrace.cli import output
from headrace.cli.deploy_views import DeployReport
from headrace.cli.failures import ExitCode, exit_code, from_info
from headrace.cli.rendering.units import VERSION_CHARACTERS
from headrace_protocol.deploys import DeployResult, DeployState
from headrace_protocol.errors import ErrorInfo, HeadraceError
from headrace_protocol.messages import DeploySet

NOT_CHECKED = (
    "schedules (whether they can be read, and ever fire)",
    "CEL expressions of triggers",
    "schemas of params",
    "whether a workflow belongs to another deploy set",
    "what is deployed already",
)
"""What only a coordinator checks."""


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file."""

    targets: tuple[str, ...]
    error: ErrorInfo | None = None
    loaded: bool = False


def checked_here(command: DeploySet, error: HeadraceError) -> DeployReport:
    """The report of a dry run without a coordinator: loading has checked names, graphs, edges and options."""
    results = tuple(
        DeployResult(
            workflow=member.definition.name, state=DeployState.DEPLOYED, version=member.definition.version()
        )
        for member in command.members
    )
    return DeployReport(
        dry_run=True, created=False, results=results, not_checked=NOT_CHECKED, coordinator=error.message
    )


def combined(reports: Sequence[DeployReport]) -> DeployReport:
    """Several deploys in one report; its error is the first one."""
    if len(reports) == 1:
        return reports[0]
    return DeployReport(
        dry_run=any(report.dry_run for report in reports),
        created=any(report.created for report in reports),
        results=tuple(result for report in reports for result in report.results),
        error=next((report.error for report in reports if report.error is not None), None),
    )


def exit_code_of(report: DeployReport) -> ExitCode:
    """What a script learns."""
    return ExitCode.OK if report.error is None else exit_code(from_info(report.error))


def report_lines(report: DeployReport) -> list[str]:
    """A line for each workflow, and more for one that is refused."""
    lines = [
        line
        for result in report.results
        for line in _lines(result, report.dry_run or report.error is not None)
    ]
    if report.error is not None and len(report.results) > 1:
        lines.append(output.bold(report.error.message.partition(";")[0]))
    if report.not_checked:
        lines.append(f"{report.coordinator}: this was checked here alone. Not checked:")
        lines += [f"  - {what}" for what in report.not_checked]
    return lines


def write_report(path: Path, files: Sequence[FileReport]) -> None:
    """Tell another program what became of each file."""
    path.write_bytes(msgspec.json.encode(files))


def _lines(result: DeployResult, would: bool) -> list[str]:
    word = "valid" if would and result.state is DeployState.DEPLOYED else result.state.value
    if would and result.state is DeployState.RETIRED:
        word = "would retire"
    error = result.error
    if error is not None:
        head = f"{word:<10} {result.workflow}  {error.message}"
        labelled = (
            ("where", error.where),
            ("found", error.found),
            ("expected", error.expected),
            ("fix", error.fix),
        )
        return [
            output.paint(head, "31"),
            *(
                f"           {name}: {value}".replace("\n", "\n" + " " * 13)
                for name, value in labelled
                if value
            ),
        ]
    version = f"  version {result.version[:VERSION_CHARACTERS]}" if result.version else ""
    was = (
        f" (was {result.previous[:VERSION_CHARACTERS]})"
        if result.previous and result.previous != result.version
        else ""
    )
    notes = f"; {'; '.join(result.notes)}" if result.notes else ""
    return [f"{word:<10} {result.workflow}{version}{was}{notes}"]
