"""`python -m tests.proof [NAME…]`: run the long forms and write docs/proof.md; `--short`: the forms that CI runs."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.proof.form import Form
from tests.proof.machine import PAGE, ROOT, surroundings
from tests.proof.page import page
from tests.proof.proofs import PROOFS, Proof
from tests.proof.runner import Result, Verdict, command_of, run

Run = Callable[[Proof, Form], Result]


def prove(wanted: Sequence[Proof], form: Form, run: Run = run) -> Iterator[dict[str, Result]]:
    """The results of every proof by name, anew after each that was wanted. What has not been run says so."""
    results = {proof.name: Result(proof=proof) for proof in PROOFS}
    for number, proof in enumerate(wanted, 1):
        _say(f"[{number}/{len(wanted)}] {proof.name}: {command_of(proof, form)}")
        with _clock():
            result = run(proof, form)
        results[proof.name] = result
        told = "; ".join(str(figure) for figure in result.figures)
        _say(f"  {result.verdict} after {result.took_s:.0f} s: {told}")
        if result.output:
            _say("  | " + result.output.replace("\n", "\n  | "))
        yield results


@contextmanager
def _clock() -> Iterator[None]:
    """Seconds that go by, on a terminal."""
    over = threading.Event()

    def tick() -> None:
        began = time.monotonic()
        while not over.wait(1.0):
            print(f"\r  {time.monotonic() - began:.0f} s ", end="", flush=True)
        print("\r", end="", flush=True)

    thread = threading.Thread(target=tick, daemon=True)
    if sys.stdout.isatty():
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread.is_alive():
            thread.join()


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None, run: Run = run) -> int:
    names = [proof.name for proof in PROOFS]
    parser = argparse.ArgumentParser(prog="just proof", description="Show what we say of Headrace.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(names)}")
    parser.add_argument("--skip", action="append", default=[], choices=names, help="all but this one")
    parser.add_argument("--short", action="store_true", help="the forms that CI runs; writes nothing")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(names):
        parser.error(f"no proof is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    by_name = {proof.name: proof for proof in PROOFS}
    wanted = [by_name[name] for name in options.names or names if name not in options.skip]
    where = surroundings()
    results: dict[str, Result] = {}
    for results in prove(wanted, Form.SHORT if options.short else Form.LONG, run):
        if not options.short:  # also what is interrupted leaves a page
            PAGE.write_text(page(list(results.values()), where), encoding="utf-8")
    if not options.short:
        _say(f"written to {PAGE.relative_to(ROOT)}")
    open_ = [results[proof.name] for proof in wanted if results[proof.name].verdict is not Verdict.HOLDS]
    for result in open_:
        _say(f"{result.verdict}: {result.proof.sentence}")
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(main())
