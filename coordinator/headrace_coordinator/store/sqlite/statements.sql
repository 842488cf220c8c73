-- Made by `python -m headrace_coordinator.store.sqlite.generate`: not to be edited.

-- name: run
SELECT runs."key", runs.body, runs.nodes
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

-- name: count_matching
SELECT count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0)
 LIMIT :limit OFFSET 0) AS anon_1;

-- name: count_matching_plain
SELECT count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us
 LIMIT :limit OFFSET 0) AS anon_1;

-- name: count_matching_of_workflow
SELECT count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND runs.workflow = :workflow AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0)
 LIMIT :limit OFFSET 0) AS anon_1;

-- name: count_matching_of_workflow_plain
SELECT count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND runs.workflow = :workflow
 LIMIT :limit OFFSET 0) AS anon_1;

-- name: run_histogram
SELECT (anon_1.created_at_us - :origin_us) / :bucket_us AS bucket, count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0) ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0) AS anon_1 GROUP BY (anon_1.created_at_us - :origin_us) / :bucket_us;

-- name: run_histogram_plain
SELECT (anon_1.created_at_us - :origin_us) / :bucket_us AS bucket, count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0) AS anon_1 GROUP BY (anon_1.created_at_us - :origin_us) / :bucket_us;

-- name: run_histogram_of_workflow
SELECT (anon_1.created_at_us - :origin_us) / :bucket_us AS bucket, count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND runs.workflow = :workflow AND (:trigger IS NULL OR runs."trigger" = :trigger) AND (:event_id IS NULL OR runs.event_id = :event_id) AND (:label IS NULL OR instr(runs.labels, :label) > 0) AND (:search IS NULL OR instr(runs.search, :search) > 0) ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0) AS anon_1 GROUP BY (anon_1.created_at_us - :origin_us) / :bucket_us;

-- name: run_histogram_of_workflow_plain
SELECT (anon_1.created_at_us - :origin_us) / :bucket_us AS bucket, count(*) AS count_1
FROM (SELECT runs.created_at_us AS created_at_us
FROM runs
WHERE runs.state = :state AND (runs.created_at_us, runs.run_id) < (:before_us, :before_id) AND runs.created_at_us >= :from_us AND runs.workflow = :workflow ORDER BY runs.created_at_us DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0) AS anon_1 GROUP BY (anon_1.created_at_us - :origin_us) / :bucket_us;

-- name: oldest_run_us
SELECT runs.created_at_us
FROM runs
WHERE runs.state = :state ORDER BY runs.created_at_us
 LIMIT 1 OFFSET 0;

-- name: tallies
SELECT (tallies.at_s - :from_s) / :bucket_s AS span, tallies.kind, tallies.name, tallies.state, sum(tallies.count) AS sum_1
FROM tallies
WHERE tallies.at_s >= :from_s GROUP BY (tallies.at_s - :from_s) / :bucket_s, tallies.kind, tallies.name, tallies.state ORDER BY span, tallies.kind, tallies.name, tallies.state;

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

-- name: highest_dead_letters
SELECT max(dead_letters.position) AS max_1
FROM dead_letters;

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
SELECT definitions.body, definitions.version, definitions.deployed_at_us, definitions.origin
FROM definitions
WHERE definitions.deploy_order = (SELECT max(newer.deploy_order) AS max_1
FROM definitions AS newer
WHERE newer.workflow = definitions.workflow) AND NOT (EXISTS (SELECT workflow_states.workflow
FROM workflow_states
WHERE workflow_states.workflow = definitions.workflow AND workflow_states.deleted = 1)) ORDER BY definitions.workflow;

-- name: current_definition
SELECT definitions.body, definitions.version, definitions.deployed_at_us, definitions.origin
FROM definitions
WHERE definitions.workflow = :workflow AND NOT (EXISTS (SELECT workflow_states.workflow
FROM workflow_states
WHERE workflow_states.workflow = definitions.workflow AND workflow_states.deleted = 1)) ORDER BY definitions.deploy_order DESC
 LIMIT 1 OFFSET 0;

-- name: definition
SELECT definitions.body, definitions.version, definitions.deployed_at_us, definitions.origin
FROM definitions
WHERE definitions.workflow = :workflow AND definitions.version = :version;

-- name: workflow_states
SELECT workflow_states.body
FROM workflow_states ORDER BY workflow_states.workflow;

-- name: workflow_changes
SELECT workflow_changes.position, workflow_changes.body
FROM workflow_changes
WHERE workflow_changes.workflow = :workflow AND workflow_changes.position < :before ORDER BY workflow_changes.position DESC
 LIMIT :limit OFFSET 0;

-- name: versions
SELECT definitions.body, definitions.version, definitions.deployed_at_us, definitions.origin
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

-- name: events_after
SELECT events.position, events.body
FROM events
WHERE events.position > :after ORDER BY events.position
 LIMIT :limit OFFSET 0;

-- name: count_events_after
SELECT count(*) AS count_1
FROM (SELECT events.position AS position
FROM events
WHERE events.type = :type AND events.position > :after
 LIMIT :limit OFFSET 0) AS anon_1;

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
SELECT dead_letters.received_at_us, dead_letters.letter_id, dead_letters.position, dead_letters.body
FROM dead_letters
WHERE dead_letters.state = :state AND (dead_letters.received_at_us, dead_letters.letter_id) < (:before_us, :before_id) AND (:search IS NULL OR instr(dead_letters.search, :search) > 0) ORDER BY dead_letters.received_at_us DESC, dead_letters.letter_id DESC
 LIMIT :limit OFFSET 0;

-- name: dead_letters_after
SELECT dead_letters.received_at_us, dead_letters.letter_id, dead_letters.position, dead_letters.body
FROM dead_letters
WHERE dead_letters.position > :after ORDER BY dead_letters.position
 LIMIT :limit OFFSET 0;

-- name: dead_letter
SELECT dead_letters.received_at_us, dead_letters.letter_id, dead_letters.position, dead_letters.body
FROM dead_letters
WHERE dead_letters.letter_id = :letter_id;

-- name: count_dead_letters
SELECT count(*) AS count_1
FROM (SELECT dead_letters.letter_id AS letter_id
FROM dead_letters
WHERE dead_letters.state = :state
 LIMIT :limit OFFSET 0) AS anon_1;

-- name: last_dead_letter
SELECT coalesce(max(anon_1.value), 0) AS coalesce_1
FROM (SELECT max(dead_letters.position) AS value
FROM dead_letters UNION ALL SELECT meta.value AS value
FROM meta
WHERE meta.name = 'dead_letters') AS anon_1;

-- name: logs
SELECT logs.position, logs.message, logs.body
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND (:node IS NULL OR logs.node = :node) AND (:item IS NULL OR logs.item = :item) AND logs.position > :after ORDER BY logs.position
 LIMIT :limit OFFSET 0;

-- name: logs_before
SELECT logs.position, logs.message, logs.body
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND (:node IS NULL OR logs.node = :node) AND (:item IS NULL OR logs.item = :item) AND logs.position < :before ORDER BY logs.position DESC
 LIMIT :limit OFFSET 0;

-- name: count_logs
SELECT count(*) AS count_1
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND logs.position < :before;

-- name: count_logs_of_place
SELECT count(*) AS count_1
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND (:node IS NULL OR logs.node = :node) AND (:item IS NULL OR logs.item = :item) AND logs.position < :before;

-- name: log_position
SELECT logs.position
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level ORDER BY logs.position
 LIMIT 1 OFFSET :number;

-- name: log_position_of_place
SELECT logs.position
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND (:node IS NULL OR logs.node = :node) AND (:item IS NULL OR logs.item = :item) ORDER BY logs.position
 LIMIT 1 OFFSET :number;

-- name: log_levels
SELECT sum(CASE WHEN (logs.level = 10) THEN 1 ELSE 0 END) AS sum_1, sum(CASE WHEN (logs.level = 20) THEN 1 ELSE 0 END) AS sum_2, sum(CASE WHEN (logs.level = 30) THEN 1 ELSE 0 END) AS sum_3, sum(CASE WHEN (logs.level = 40) THEN 1 ELSE 0 END) AS sum_4, sum(CASE WHEN (logs.level = 50) THEN 1 ELSE 0 END) AS sum_5
FROM logs
WHERE logs.run_id = :run_id;

-- name: search_logs
SELECT logs.position, instr(lower(logs.message), :text) AS instr_1
FROM logs
WHERE logs.run_id = :run_id AND logs.level >= :level AND (:node IS NULL OR logs.node = :node) AND (:item IS NULL OR logs.item = :item) ORDER BY logs.position;

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

-- name: released_results
SELECT released_results.uri, released_results.released_at_us
FROM released_results
WHERE released_results.released_at_us < :before_us AND (released_results.released_at_us, released_results.uri) > (:after_us, :after_uri) AND NOT (EXISTS (SELECT *
FROM result_references
WHERE result_references.uri = released_results.uri)) ORDER BY released_results.released_at_us, released_results.uri
 LIMIT :limit OFFSET 0;

-- name: cursor
SELECT cursors.value
FROM cursors
WHERE cursors.name = :name;

-- name: cursors
SELECT cursors.name, cursors.value
FROM cursors
WHERE cursors.name >= :first AND cursors.name < :before ORDER BY cursors.name;

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

-- name: prune_references
DELETE FROM result_references WHERE (result_references.uri, result_references.kind, result_references.holder) IN (SELECT result_references.uri, result_references.kind, result_references.holder
FROM result_references
WHERE result_references.kind = 'run' AND result_references.holder IN (SELECT runs.run_id
FROM runs
WHERE runs.state IN ('cancelled', 'failed', 'succeeded') AND runs.created_at_us < :before AND coalesce(runs.finished_at_us, runs.created_at_us) < :before ORDER BY runs.created_at_us, runs.run_id
 LIMIT :limit OFFSET 0)
 LIMIT :limit OFFSET 0) RETURNING uri;

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
WHERE logs.run_id = runs.run_id)) AND NOT (EXISTS (SELECT *
FROM result_references
WHERE result_references.kind = 'run' AND result_references.holder = runs.run_id)) RETURNING run_id;

-- name: prune_definitions
DELETE FROM definitions WHERE (definitions.workflow, definitions.version) IN (SELECT definitions.workflow, definitions.version
FROM definitions
WHERE definitions.workflow IN (SELECT workflow_states.workflow
FROM workflow_states
WHERE workflow_states.deleted = 1 AND NOT (EXISTS (SELECT *
FROM runs
WHERE runs.workflow = workflow_states.workflow)))
 LIMIT :limit OFFSET 0);

-- name: prune_workflow_states
DELETE FROM workflow_states WHERE workflow_states.workflow IN (SELECT workflow_states.workflow
FROM workflow_states
WHERE workflow_states.deleted = 1 AND NOT (EXISTS (SELECT *
FROM runs
WHERE runs.workflow = workflow_states.workflow)) AND NOT (EXISTS (SELECT *
FROM definitions
WHERE definitions.workflow = workflow_states.workflow))
 LIMIT :limit OFFSET 0);

-- name: prune_workflow_changes
DELETE FROM workflow_changes WHERE workflow_changes.position IN (SELECT workflow_changes.position
FROM workflow_changes ORDER BY workflow_changes.position
 LIMIT :limit OFFSET 0) AND workflow_changes.at_us < :before;

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

-- name: prune_tallies
DELETE FROM tallies WHERE (tallies.at_s, tallies.kind, tallies.name, tallies.state) IN (SELECT tallies.at_s, tallies.kind, tallies.name, tallies.state
FROM tallies
WHERE tallies.at_s < :before ORDER BY tallies.at_s
 LIMIT :limit OFFSET 0);

-- name: prune_pruned_runs
DELETE FROM pruned_runs WHERE pruned_runs.run_id IN (SELECT pruned_runs.run_id
FROM pruned_runs
WHERE pruned_runs.pruned_at_us < :before ORDER BY pruned_runs.pruned_at_us
 LIMIT :limit OFFSET 0);

-- name: prune_events
DELETE FROM events WHERE events.position IN (SELECT events.position
FROM events ORDER BY events.position
 LIMIT :limit OFFSET 0) AND events.received_at_us < :before;
