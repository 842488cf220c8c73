-- Made by `python -m headrace_coordinator.store.sqlite.generate`: not to be edited.

CREATE TABLE attempts (
    run_key BIGINT NOT NULL,
    sequence INTEGER NOT NULL,
    node TEXT NOT NULL,
    item INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run_key, sequence)
)
 WITHOUT ROWID;

CREATE INDEX attempts_by_item ON attempts (run_key, node, item, sequence) WHERE state = 'succeeded' AND item >= 0;

CREATE TABLE cursors (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE dead_letters (
    letter_id TEXT NOT NULL,
    received_at_us BIGINT NOT NULL,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    search TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (letter_id)
);

CREATE INDEX dead_letters_by_position ON dead_letters (position);

CREATE INDEX dead_letters_by_state ON dead_letters (state, received_at_us, letter_id);

CREATE INDEX dead_letters_by_time ON dead_letters (received_at_us);

CREATE TABLE definitions (
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    deploy_order INTEGER NOT NULL,
    deployed_at_us BIGINT NOT NULL,
    body BLOB NOT NULL,
    origin BLOB,
    PRIMARY KEY (workflow, version),
    UNIQUE (deploy_order)
);

CREATE TABLE events (
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    received_at_us BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (source, event_id)
);

CREATE INDEX events_by_type ON events (type, position);

CREATE TABLE history (
    position INTEGER NOT NULL,
    run_key BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (position)
);

CREATE INDEX history_by_run ON history (run_key);

CREATE TABLE logs (
    position INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    node TEXT NOT NULL,
    item INTEGER NOT NULL,
    at_us BIGINT NOT NULL,
    level SMALLINT NOT NULL,
    message TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (position)
);

CREATE INDEX logs_by_run ON logs (run_id, position, level);

CREATE INDEX logs_by_time ON logs (at_us);

CREATE TABLE meta (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE nodes (
    run_key BIGINT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run_key, name)
)
 WITHOUT ROWID;

CREATE TABLE outbox (
    sequence INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (sequence)
);

CREATE TABLE pruned_runs (
    run_id TEXT NOT NULL,
    pruned_at_us BIGINT NOT NULL,
    PRIMARY KEY (run_id)
)
 WITHOUT ROWID;

CREATE INDEX pruned_runs_by_time ON pruned_runs (pruned_at_us);

CREATE TABLE released_results (
    uri TEXT NOT NULL,
    released_at_us BIGINT NOT NULL,
    PRIMARY KEY (uri)
)
 WITHOUT ROWID;

CREATE INDEX released_results_by_time ON released_results (released_at_us, uri);

CREATE TABLE result_references (
    uri TEXT NOT NULL,
    kind TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (uri, kind, holder)
)
 WITHOUT ROWID;

CREATE INDEX result_references_by_holder ON result_references (kind, holder);

CREATE TABLE runs (
    "key" INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    workflow TEXT NOT NULL,
    state TEXT NOT NULL,
    open_shard INTEGER,
    created_at_us BIGINT NOT NULL,
    finished_at_us BIGINT,
    "trigger" TEXT NOT NULL,
    event_id TEXT NOT NULL,
    labels TEXT NOT NULL,
    search TEXT NOT NULL,
    body BLOB NOT NULL,
    nodes BLOB,
    PRIMARY KEY ("key"),
    UNIQUE (run_id)
);

CREATE INDEX runs_by_state ON runs (state, created_at_us, run_id);

CREATE INDEX runs_by_workflow ON runs (workflow, state, created_at_us, run_id);

CREATE INDEX runs_open ON runs (open_shard, run_id) WHERE open_shard IS NOT NULL;

CREATE TABLE schedules (
    workflow TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (workflow, "trigger")
)
 WITHOUT ROWID;

CREATE TABLE shards (
    shard SMALLINT NOT NULL,
    owner TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    lease_until_us BIGINT NOT NULL,
    PRIMARY KEY (shard)
)
 WITHOUT ROWID;

CREATE TABLE spans (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (trace_id, span_id)
)
 WITHOUT ROWID;

CREATE INDEX spans_by_time ON spans (start_us);

CREATE TABLE streams (
    stream TEXT NOT NULL,
    created TEXT NOT NULL,
    last_sequence BIGINT NOT NULL,
    PRIMARY KEY (stream)
)
 WITHOUT ROWID;

CREATE TABLE tallies (
    at_s BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (at_s, kind, name, state)
)
 WITHOUT ROWID;

CREATE TABLE timers (
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    node TEXT NOT NULL,
    item INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    due_us BIGINT NOT NULL,
    PRIMARY KEY (actor, kind, node, item)
)
 WITHOUT ROWID;

CREATE INDEX timers_due ON timers (shard, due_us);

CREATE TABLE workflow_changes (
    position INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (position)
);

CREATE INDEX workflow_changes_by_workflow ON workflow_changes (workflow, position);

CREATE TABLE workflow_states (
    workflow TEXT NOT NULL,
    deleted SMALLINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (workflow)
)
 WITHOUT ROWID;
