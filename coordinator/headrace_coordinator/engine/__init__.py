"""The pure heart: `decide(plan, run, input, now)` changes a run's state and says what follows, as data.

There is no clock, no randomness and no I/O in here; whatever could differ between two executions comes in as an
argument. The caller owns the run: `decide` changes it in place, and a caller whose commit fails throws the
run away and loads it again. `transitions` holds one module for each family of inputs, `state` what a run is,
`plan` what a definition compiles to, `invariants` what is checked after every transition.
"""
