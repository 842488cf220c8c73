"""Faults on real processes: kill -9, SIGSTOP, wiped and full disks, a clock that is set.

`flows` is the load's workflows, whose tasks keep effect `journal`s; `load` starts runs of them in every way there
is and writes down what was accepted; `nemesis` breaks the processes from a seed; `evidence` reads what the store,
the bus and the journals say afterwards; `invariants` judges that, and nothing else. `campaign` is one such run of
everything, `python -m tests.faults` the command.
"""
