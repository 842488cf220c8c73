"""Reading: everything that people and programs are shown, computed from what the store holds.

A query takes committed records and returns *views*: frozen Structs of plain JSON values that the HTTP API
sends as they are. Nothing here changes anything, and nothing here talks to a bus; what only the running
coordinator knows (workers, attempts in hand) comes in as `live.LiveFacts`.

`projection` turns history into spans, `trace` puts them together with the workers' spans, `explain` says in
words why a run is where it is.
"""
