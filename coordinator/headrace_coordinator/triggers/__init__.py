"""What starts runs: events that match, and times that come.

Expressions (`where` and `params` of an event trigger) are CEL. They are compiled when a definition is
deployed, where a mistake raises `ExpressionError` with its place, and evaluated on each event, where a
mistake raises it with what was found. An expression has no state, no clock and no effect.
"""
