"""Durable timers: at least once, never early (I10).

A timer is a row; the wheel only remembers when each shard's earliest one is due, sleeps until then and reads the
due ones from the store. The transition that a timer causes deletes it in its own transaction, so a timer that
fired before a crash fires again.
"""

from headrace_coordinator.timers.wheel import Wheel

__all__ = ["Wheel"]
