"""The `headrace` command.

`main` builds one command tree out of the commands here and those that the distribution offers in the entry-point
group `headrace.cli` (the coordinator's are found that way: neither package imports the other).
A setting comes from the first place that has it: a flag, a `HEADRACE_*` variable, `headrace.toml`, what
`headrace dev` wrote into `.headrace/dev.json`, a default.

Commands are thin: `commands` parses and calls, `api` and `headrace.client` talk to a coordinator, `rendering`
turns answers into text. What is slow to import (Rich, NATS, user code) is imported by the command that needs
it. Mistakes of the user end as a `HeadraceError` printed by `failures`, with an exit code scripts can rely on.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the `headrace` script; exits with one of `headrace.cli.failures.ExitCode`."""
    from headrace.cli.app import run

    run()
