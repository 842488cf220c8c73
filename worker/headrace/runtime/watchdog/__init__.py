"""The watchdog: a small process beside the worker that speaks for it while its event loop is blocked.

An async task that never awaits, or native code that keeps Python's lock, stops everything in the worker: signs of
life, timeouts, cancels. The bus would give its tasks to others while they still run. So the worker *beats*: its loop
counts up in memory that it shares with the watchdog, where it also writes what it holds, at the moment in which it gets
it (a block may begin with the very next step). No message passes between the two. Who blocks, a thread of the worker
adds when the beat stands still, where Python's lock lets it.

While the beat stands still, and the worker is not merely frozen (SIGSTOP), the watchdog

- keeps the leases and beats to the coordinator, over a connection of its own that it makes for the purpose;
- says who blocks, with the stack, in the worker's output and in the task's log, again and again;
- ends the worker when the blocking attempt is over its timeout and the grace: that attempt failed with `task.timeout`,
  and what was held beside it is returned, which charges nothing. Without a timeout nothing is ended.

When the worker dies, it ends the processes of tasks that do not notice by themselves.

`idle` is all that runs until then, without any import but a few of the standard library: 8 MB. `link` is the worker's
side, `board` the shared memory, `verdict` the decision, `guard` what the watchdog does.
"""
