"""Everything on one machine: a real nats-server of our own, with the coordinator and workers around it.

The nats-server is a child process in a process group of its own, so that ctrl-C reaches only us and we stop
it in order. It moves between three states: *stopped*, *running* (its client port accepts connections and
JetStream is recovered) and *died* (it ended although nobody asked it to; whoever waits on `died` may start
it again on the same port and directory). A lock on its directory lives exactly as long as the process, so
two servers never write to one JetStream store.
"""
