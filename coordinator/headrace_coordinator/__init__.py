"""The coordinator: persists workflow state machines, publishes ready tasks, applies outcomes.

`engine` decides and is pure. `store` keeps the truth, `bus` is the doorbell. `runtime` turns inputs into one
transaction a turn and publishes what was committed. `queries` reads. `triggers`, `schedules` and `timers` make
inputs out of events and time. `api` is the HTTP face, `main` and `local` put the parts together.
"""
