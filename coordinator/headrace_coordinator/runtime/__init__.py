"""The loop that turns inputs into committed transitions, one for each shard.

receive inputs (as many as are there, no linger) → load the runs they touch → `engine.decide` → one store
transaction (state, history, timers, outbox) → publish the outbox → acknowledge the inputs. A crash
between any two steps is harmless: inputs come again, the outbox is published again, both are deduplicated.

`shard` is that loop and `turn` what it collects; `ingress` makes inputs of bus messages, `outbox` publishes what
was committed, `collect` puts map results together, `fleet` knows the workers, `vigil` notices what the bus lost,
`keeper` stores logs and spans, `changes` tells readers what was committed.
"""
