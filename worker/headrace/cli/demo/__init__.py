"""`headrace demo`: the flights example end to end, with real processes, checked.

It starts `headrace dev` with two workers as a child, lands twelve months of flights (one malformed on
purpose), publishes an event for each, follows the runs, shows how the malformed month failed, publishes the
corrected file's event, and works the results out again another way. Only when all of it is right does it exit
with 0.
"""
