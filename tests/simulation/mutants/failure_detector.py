"""Breakages of the failure detector."""
