"""The CEL of triggers: the library that evaluates it, and the proof of what an evaluation can cost.

`library` prepares an expression, with long lists mapped in `chunks`. `cost` walks its `tree` with what is known of
`functions`, and gives a `bound` over the sizes of `variables`.
"""
