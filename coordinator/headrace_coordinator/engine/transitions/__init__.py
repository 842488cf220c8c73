"""One module for each family of transitions; their names are the index of the state machine.

`start` accepts a run; `dispatch` makes task messages; `unlock` spreads the end of a node to those behind it;
`outcome` applies what workers report; `mapping` runs a node once for each item; `recover` makes lost inputs
again; `timer` wakes what waits for a time; `stop` cancels, and ends a run at its deadline; `finish` ends it.
"""
