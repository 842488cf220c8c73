"""Answers of the API as text for people: pure functions from views to lines, and live progress."""
