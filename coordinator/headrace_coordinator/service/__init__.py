"""The running coordinator as a whole: its shards, and what the API may ask of it.

`shards` owns the loops (a lease each) with their timers, `coordinator` starts and stops every part in order and
answers commands, `deployment` checks definitions before they become current.
"""
