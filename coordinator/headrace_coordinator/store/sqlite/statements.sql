-- Made by `python -m headrace_coordinator.store.sqlite.generate`: not to be edited.

-- name: run
SELECT runs."key", runs.body
FROM runs
WHERE runs.run_id = :run_id;

-- name: nodes
SELECT nodes.name, nodes.body
FROM nodes
WHERE nodes.run_key = :run_key;

-- name: runs
SELECT runs.created_at_us, runs.run_id, runs.body
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0) ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0;

-- name: runs_of_workflow
SELECT runs.created_at_us, runs.run_id, runs.body
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0) AND runs.workflow = :workflow ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0;

-- name: run_key
SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id;

-- name: count_runs
SELECT runs.workflow, runs.state, count(*) AS count_1
FROM runs GROUP BY runs.workflow, runs.state;

-- name: unfinished
SELECT runs.run_id
FROM runs
WHERE runs.open_shard = :shard AND runs.run_id > :after ORDER BY runs.run_id
 LIMIT :limit OFFSET 0;

-- name: attempts
SELECT attempts.node, attempts.item, attempts.attempt, attempts.state, attempts.body
FROM attempts
WHERE attempts.run_key = (SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id) AND attempts.sequence > :after ORDER BY attempts.sequence
 LIMIT :limit OFFSET 0;

-- name: attempts_of_node
SELECT attempts.node, attempts.item, attempts.attempt, attempts.state, attempts.body
FROM attempts
WHERE attempts.run_key = (SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id) AND attempts.node = :node ORDER BY attempts.sequence
 LIMIT :limit OFFSET :after;

-- name: item_results
SELECT attempts.node, attempts.item, attempts.attempt, attempts.state, attempts.body
FROM attempts JOIN (SELECT attempts.item AS item, max(attempts.sequence) AS sequence
FROM attempts
WHERE attempts.run_key = (SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id) AND attempts.node = :node AND attempts.item >= :first AND attempts.state = 'succeeded' AND attempts.item >= 0 GROUP BY attempts.item ORDER BY attempts.item
 LIMIT :limit OFFSET 0) AS anon_1 ON attempts.run_key = (SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id) AND attempts.sequence = anon_1.sequence ORDER BY anon_1.item;

-- name: history
SELECT history.position, runs.run_id, runs.workflow, history.body
FROM history JOIN runs ON runs."key" = history.run_key
WHERE history.position > :after ORDER BY history.position
 LIMIT :limit OFFSET 0;

-- name: history_of_run
SELECT history.position, runs.run_id, runs.workflow, history.body
FROM history JOIN runs ON runs."key" = history.run_key
WHERE history.position > :after AND history.run_key = (SELECT runs."key"
FROM runs
WHERE runs.run_id = :run_id) ORDER BY history.position
 LIMIT :limit OFFSET 0;

-- name: highest_history
SELECT max(history.position) AS max_1
FROM history;

-- name: highest_events
SELECT max(events.position) AS max_1
FROM events;

-- name: highest_logs
SELECT max(logs.position) AS max_1
FROM logs;

-- name: highest_outbox
SELECT max(outbox.sequence) AS max_1
FROM outbox;

-- name: last_position
SELECT coalesce(max(anon_1.value), 0) AS coalesce_1
FROM (SELECT max(history.position) AS value
FROM history UNION ALL SELECT meta.value AS value
FROM meta
WHERE meta.name = 'history') AS anon_1;

-- name: due_timers
SELECT timers.shard, timers.due_us, timers.actor, timers.kind, timers.node, timers.item
FROM timers
WHERE timers.shard = :shard AND timers.due_us <= :now_us ORDER BY timers.due_us, timers.actor, timers.kind, timers.node, timers.item
 LIMIT :limit OFFSET 0;

-- name: next_timer_us
SELECT min(timers.due_us) AS min_1
FROM timers
WHERE timers.shard = :shard;

-- name: deduped
SELECT dedupe.run_id
FROM dedupe
WHERE dedupe.scope = :scope AND dedupe."key" = :key;

-- name: outbox
SELECT outbox.shard, outbox.sequence, outbox.body
FROM outbox
WHERE outbox.shard = :shard ORDER BY outbox.sequence;

-- name: last_outbox_sequence
SELECT coalesce(max(anon_1.value), 0) AS coalesce_1
FROM (SELECT max(outbox.sequence) AS value
FROM outbox UNION ALL SELECT meta.value AS value
FROM meta
WHERE meta.name = 'outbox') AS anon_1;

-- name: schedules
SELECT schedules.body
FROM schedules ORDER BY schedules.workflow, schedules."trigger";

-- name: definitions
SELECT definitions.body, definitions.version, definitions.deployed_at_us
FROM definitions
WHERE definitions.deploy_order = (SELECT max(newer.deploy_order) AS max_1
FROM definitions AS newer
WHERE newer.workflow = definitions.workflow) ORDER BY definitions.workflow;

-- name: definition
SELECT definitions.body, definitions.version, definitions.deployed_at_us
FROM definitions
WHERE definitions.workflow = :workflow AND definitions.version = :version;

-- name: versions
SELECT definitions.body, definitions.version, definitions.deployed_at_us
FROM definitions
WHERE definitions.workflow = :workflow ORDER BY definitions.deploy_order DESC;

-- name: events
SELECT events.position, events.body
FROM events
WHERE events.position < :before ORDER BY events.position DESC
 LIMIT :limit OFFSET 0;

-- name: events_of_type
SELECT events.position, events.body
FROM events
WHERE events.position < :before AND events.type = :type ORDER BY events.position DESC
 LIMIT :limit OFFSET 0;

-- name: event
SELECT events.position, events.body
FROM events
WHERE events.source = :source AND events.event_id = :event_id;

-- name: last_event
SELECT coalesce(max(anon_1.value), 0) AS coalesce_1
FROM (SELECT max(events.position) AS value
FROM events UNION ALL SELECT meta.value AS value
FROM meta
WHERE meta.name = 'events') AS anon_1;

-- name: dead_letters
SELECT dead_letters.body
FROM dead_letters
WHERE dead_letters.received_at_us < :before_us ORDER BY dead_letters.received_at_us DESC, dead_letters.letter_id DESC
 LIMIT :limit OFFSET 0;

-- name: dead_letter
SELECT dead_letters.body
FROM dead_letters
WHERE dead_letters.letter_id = :letter_id;

-- name: logs
SELECT logs.position, logs.body
FROM logs
WHERE logs.run_id = :run_id AND logs.position > :after ORDER BY logs.position
 LIMIT :limit OFFSET 0;

-- name: logs_of_node
SELECT logs.position, logs.body
FROM logs
WHERE logs.run_id = :run_id AND logs.position > :after AND logs.node = :node AND (:item IS NULL OR logs.item = :item) ORDER BY logs.position
 LIMIT :limit OFFSET 0;

-- name: logs_of_item
SELECT logs.position, logs.body
FROM logs
WHERE logs.run_id = :run_id AND logs.position > :after AND logs.item = :item ORDER BY logs.position
 LIMIT :limit OFFSET 0;

-- name: last_log
SELECT coalesce(max(anon_1.value), 0) AS coalesce_1
FROM (SELECT max(logs.position) AS value
FROM logs UNION ALL SELECT meta.value AS value
FROM meta
WHERE meta.name = 'logs') AS anon_1;

-- name: spans
SELECT spans.body
FROM spans
WHERE spans.trace_id = :trace_id ORDER BY spans.start_us, spans.span_id;

-- name: stream
SELECT streams.stream, streams.created, streams.last_sequence
FROM streams
WHERE streams.stream = :stream;

-- name: cursor
SELECT cursors.value
FROM cursors
WHERE cursors.name = :name;

-- name: shard
SELECT shards.owner, shards.epoch, shards.lease_until_us
FROM shards
WHERE shards.shard = :shard;

-- name: prune_nodes
DELETE FROM nodes WHERE (nodes.run_key, nodes.name) IN (SELECT nodes.run_key, nodes.name
FROM nodes
WHERE nodes.run_key IN (SELECT runs."key"
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0)
 LIMIT :limit OFFSET 0);

-- name: prune_attempts
DELETE FROM attempts WHERE (attempts.run_key, attempts.sequence) IN (SELECT attempts.run_key, attempts.sequence
FROM attempts
WHERE attempts.run_key IN (SELECT runs."key"
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0)
 LIMIT :limit OFFSET 0);

-- name: prune_history
DELETE FROM history WHERE history.position IN (SELECT history.position
FROM history
WHERE history.run_key IN (SELECT runs."key"
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0)
 LIMIT :limit OFFSET 0);

-- name: prune_logs_of_runs
DELETE FROM logs WHERE logs.position IN (SELECT logs.position
FROM logs
WHERE logs.run_id IN (SELECT runs.run_id
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0)
 LIMIT :limit OFFSET 0);

-- name: prune_runs
DELETE FROM runs WHERE runs."key" IN (SELECT runs."key"
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0) AND NOT (EXISTS (SELECT *
FROM nodes
WHERE nodes.run_key = runs."key")) AND NOT (EXISTS (SELECT *
FROM attempts
WHERE attempts.run_key = runs."key")) AND NOT (EXISTS (SELECT *
FROM history
WHERE history.run_key = runs."key")) AND NOT (EXISTS (SELECT *
FROM logs
WHERE logs.run_id = runs.run_id));

-- name: prune_logs
DELETE FROM logs WHERE logs.position IN (SELECT logs.position
FROM logs
WHERE logs.at_us < :before ORDER BY logs.at_us
 LIMIT :limit OFFSET 0);

-- name: prune_spans
DELETE FROM spans WHERE (spans.trace_id, spans.span_id) IN (SELECT spans.trace_id, spans.span_id
FROM spans
WHERE spans.start_us < :before ORDER BY spans.start_us
 LIMIT :limit OFFSET 0);

-- name: prune_dead_letters
DELETE FROM dead_letters WHERE dead_letters.letter_id IN (SELECT dead_letters.letter_id
FROM dead_letters
WHERE dead_letters.received_at_us < :before ORDER BY dead_letters.received_at_us
 LIMIT :limit OFFSET 0);

-- name: prune_dedupe
DELETE FROM dedupe WHERE (dedupe.scope, dedupe."key") IN (SELECT dedupe.scope, dedupe."key"
FROM dedupe
WHERE dedupe.expires_at_us < :before ORDER BY dedupe.expires_at_us
 LIMIT :limit OFFSET 0);

-- name: prune_events
DELETE FROM events WHERE events.position IN (SELECT events.position
FROM events ORDER BY events.position
 LIMIT :limit OFFSET 0) AND events.received_at_us < :before;
