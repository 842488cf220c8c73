"""Workflows, workers, queues and dead letters as lines."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.cli import output
from headrace.cli.rendering.runs import error_lines, run_table
from headrace.cli.rendering.units import VERSION_CHARACTERS, ago, clip, moment, short, size
from headrace.cli.rendering.workflows import marked, origin_lines, paused
from headrace.cli.views import DeadLetterView, QueueView, WorkerView
from headrace.cli.workflow_views import ParamsView, WorkflowDetail, WorkflowSummary


def workflow_table(workflows: Sequence[WorkflowSummary]) -> list[str]:
    """Every workflow on a line."""
    rows = [
        (
            one.name,
            one.condition,
            one.version[:VERSION_CHARACTERS],
            str(one.nodes),
            ", ".join(f"{count} {state}" for state, count in one.runs.items()) or "none",
            "; ".join(trigger.text for trigger in one.triggers) or "manual",
            ago(one.deployed_at_us),
        )
        for one in workflows
    ]
    return output.table(("WORKFLOW", "STATE", "VERSION", "NODES", "RUNS", "TRIGGERS", "DEPLOYED"), rows)


def workflow_lines(workflow: WorkflowDetail) -> list[str]:
    """One workflow: how it is started, its graph, its last runs."""
    lines = [f"{output.bold(workflow.name)}  version {workflow.version[:VERSION_CHARACTERS]}"]
    if workflow.doc:
        lines += [f"  {line}" for line in workflow.doc.splitlines()]
    lines.append(f"  deployed {moment(workflow.deployed_at_us)}")
    lines += origin_lines(workflow.origin, workflow.set, workflow.owner)
    for word, mark in (("retired", workflow.retired), ("paused", workflow.paused)):
        if mark is not None:
            lines.append(f"  state    {marked(word, mark)}")
    for trigger in workflow.triggers:
        fires = f", fires {ago(trigger.next_fire_us)}" if trigger.next_fire_us else ""
        held = f", {paused(trigger.paused)}" if trigger.paused is not None else ""
        lines.append(f"  trigger  {trigger.id}  {trigger.text}{held or fires}")
    params = param_rows(workflow.definition)
    if params:
        lines += ["", *output.table(("PARAM", "TYPE", "DEFAULT"), params)]
    sources: dict[str, list[str]] = {}
    for edge in workflow.graph.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    nodes = [
        (
            node.id,
            node.task + (" (mapped)" if node.mapped else ""),
            ", ".join(sources.get(node.id, [])) or "-",
            node.queue,
        )
        for node in workflow.graph.nodes
    ]
    lines += ["", *output.table(("NODE", "TASK", "AFTER", "QUEUE"), nodes)]
    if workflow.last_runs:
        lines += ["", *run_table(workflow.last_runs)]
    return [
        *lines,
        "",
        output.dim(f"try next: headrace run {workflow.name}{_example(workflow.definition)} --wait"),
    ]


def param_rows(definition: ParamsView) -> list[tuple[str, str, str]]:
    """Name, type and default of each param."""
    return [
        (
            name,
            schema_type(schema),
            "required" if name in definition.required else output.as_json(definition.defaults.get(name)),
        )
        for name, schema in definition.params.items()
    ]


def schema_type(schema: dict[str, object]) -> str:
    """A JSON Schema in a word or two."""
    for key in ("type", "$ref"):
        found = schema.get(key)
        if isinstance(found, str):
            return found.rpartition("/")[2]
    if isinstance(choices := schema.get("enum"), list):
        return " | ".join(output.as_json(choice) for choice in choices)
    if isinstance(options := schema.get("anyOf"), list):
        return " | ".join(schema_type(option) for option in options if isinstance(option, dict))
    return "any"


def _example(definition: ParamsView) -> str:
    return "".join(f" -p {name}=…" for name in definition.required)


def worker_table(workers: Sequence[WorkerView]) -> list[str]:
    """Every worker on a line."""
    rows = [
        (
            one.worker,
            one.state,
            f"{len(one.held)}/{one.slots}",
            ", ".join(one.queues),
            str(len(one.tasks)),
            ago(one.started_at_us),
            ago(one.seen_at_us),
        )
        for one in workers
    ]
    return output.table(("WORKER", "STATE", "BUSY", "QUEUES", "TASKS", "STARTED", "SEEN"), rows)


def queue_table(queues: Sequence[QueueView]) -> list[str]:
    """Every queue and priority on a line, then what is wrong with them."""
    rows = [
        (
            one.queue,
            one.priority,
            str(one.pending),
            str(one.line),
            str(one.in_flight),
            str(one.redelivered),
            str(one.workers),
            str(one.slots),
            ago(one.oldest_us) if one.oldest_us else "-",
        )
        for one in queues
    ]
    table = output.table(
        ("QUEUE", "PRIORITY", "PENDING", "IN LINE", "IN FLIGHT", "REDELIVERED", "WORKERS", "SLOTS", "OLDEST"),
        rows,
    )
    return [*table, *(f"{one.queue}, {one.priority}: {one.trouble}" for one in queues if one.trouble)]


def dead_letter_table(letters: Sequence[DeadLetterView]) -> list[str]:
    """Every dead letter on a line."""
    rows = [
        (
            short(one.letter_id),
            one.subject,
            one.error.code,
            clip(one.error.message, 60),
            ago(one.received_at_us),
            ago(one.redriven_at_us) if one.redriven_at_us else "-",
        )
        for one in letters
    ]
    return output.table(("LETTER", "SUBJECT", "CODE", "WHY", "RECEIVED", "REDRIVEN"), rows)


def dead_letter_lines(letter: DeadLetterView) -> list[str]:
    """One dead letter in full."""
    lines = [
        f"{output.bold('dead letter')}  {letter.letter_id}",
        f"  subject   {letter.subject}",
        f"  received  {moment(letter.received_at_us)}, {ago(letter.received_at_us)}",
        f"  size      {size(letter.size_bytes)}",
    ]
    if letter.redriven_at_us:
        lines.append(f"  redriven  {moment(letter.redriven_at_us)}")
    lines += [f"  header    {name}: {value}" for name, value in letter.headers.items()]
    body = letter.body if letter.body is not None else f"(Base64) {letter.body_base64}"
    lines += [*error_lines(letter.error), "", body or "(empty)"]
    return [*lines, "", output.dim(f"try next: headrace deadletters redrive {short(letter.letter_id)}")]
