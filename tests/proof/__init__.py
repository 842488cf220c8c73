"""What we say of Headrace and how it is shown: a list of sentences, each with a short form in CI and a long form.

`proofs` is the list. `runner` runs a form of it in processes of its own and tells whether the sentence holds.
`form` says to tests which form they are part of, and `figures` carries what they measured back. `page` writes all of
it to docs/proof.md. `python -m tests.proof` joins them; CI runs the short forms as the tests that they are.
"""
