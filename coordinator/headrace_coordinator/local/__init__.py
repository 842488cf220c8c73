"""Everything on one machine: a real nats-server of our own, with the coordinator and workers around it.

The nats-server is a child process in a process group of its own, so that ctrl-C reaches only us and we stop
it in order. It moves between three states: *stopped*, *running* (its client port accepts connections and
JetStream is recovered) and *died* (it ended although nobody asked it to; whoever waits on `died` may start
it again on the same port and directory). A lock on its directory lives exactly as long as the process, so
two servers never write to one JetStream store.

Coordinator and workers are children of the same kind (`process`), and `keeping` starts again whatever dies.
The supervisor (`site`) holds them together: NATS and the coordinator start at the same time; definitions are
loaded and deployed by a process of their own, so that no mistake in them can hurt anything else; workers
start when there are valid definitions. A save deploys again and replaces the workers; what cannot be loaded
changes nothing. The end goes the other way round: workers, coordinator, NATS.
"""
