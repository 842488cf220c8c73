"""OpenTelemetry instruments. Without a configured reader they cost next to nothing."""

from __future__ import annotations

from opentelemetry import metrics

_meter = metrics.get_meter("headrace.coordinator")

runs_started = _meter.create_counter("headrace.runs.started", "{run}", "Runs accepted")
runs_finished = _meter.create_counter("headrace.runs.finished", "{run}", "Runs that ended, by state")
tasks_finished = _meter.create_counter(
    "headrace.tasks.finished", "{attempt}", "Attempts that ended, by state"
)
outcomes_ignored = _meter.create_counter(
    "headrace.outcomes.ignored", "{outcome}", "Late or repeated outcomes"
)
dead_letters = _meter.create_counter("headrace.dead_letters", "{message}", "Messages put to the dead letters")
queue_wait = _meter.create_histogram(
    "headrace.task.queue_wait", "s", "From dispatch to the attempt's first line of work"
)
run_duration = _meter.create_histogram("headrace.run.duration", "s", "From acceptance to the end of a run")
batch_size = _meter.create_histogram(
    "headrace.turn.inputs", "{input}", "Inputs in one turn of a shard's loop"
)
commit_duration = _meter.create_histogram("headrace.turn.commit", "s", "Duration of a turn's transaction")
outbox_depth = _meter.create_up_down_counter(
    "headrace.outbox.depth", "{message}", "Committed messages that the bus has not confirmed"
)
