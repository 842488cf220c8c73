"""The whole system in one process, from one seed, against everything that can go wrong.

A seed makes a *plan* (`plan`): random workflows (`flows`), runs, events and cancels, and misfortunes with their
times. `simulate` carries it out: the real coordinator and the real workers, with their real bus adapters (`site`,
`programs`), on an event loop in virtual time that runs each of them as a process that may be killed or paused
between any two callbacks (`loop`), a store that is slow and sometimes fails (`store`), and a NATS server that keeps
JetStream's contracts and no more (`headrace_coordinator.bus.memory.server`, behind `client`). The `observer`
compares every commit, publish and execution with the invariants I1 to I11, and writes what breaks them into its
`journal`. Its rules about runs as they are stored (`run_states`), results (`results`), attempts that are taken for lost
(`lost_attempts`) and task messages on the bus (`deliveries`) stand apart. When the last misfortune is over, everything
must come to its end, as the workflows mean it.

A failing plan is shrunk (`shrink`) and told in plain words (`story`). `mutants` breaks the code on purpose, a module
for each area, to show that the simulation notices; `test_found` keeps what seeds have found. Not simulated: threads
and processes as lanes, HTTP itself, logs and spans, retention in the store, the SQL stores, a commit whose outcome
nobody knows, TLS.

    python -m tests.simulation 1000       a thousand seeds
    python -m tests.simulation --seed 7   one, with its story
    python -m tests.simulation --seed 7 --crash everywhere   without its misfortunes, crashing at every await
"""
