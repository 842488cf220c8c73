"""`python -m headrace.cli` is the `headrace` command, also where no script is installed."""

from headrace.cli import main

main()
