"""What leaves the coordinator for a tracing or metrics backend.

Spans are a projection of the committed history, not something that happens on the way: the exporter reads the
history from where it last stopped, so that a coordinator killed in the middle exports what its predecessor had
committed, with the same ids. An export that was repeated after a crash repeats spans, never changes them.
"""
