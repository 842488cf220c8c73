"""The list is sound, the runner tells the truth, and docs/proof.md says what the list says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof import __main__ as command_line
from tests.proof.figures import Figure, Record, recorded
from tests.proof.form import Form, Size
from tests.proof.machine import PAGE, ROOT, Surroundings
from tests.proof.page import page
from tests.proof.proofs import PROOFS, PYTHON, Command, Proof
from tests.proof.runner import Result, Verdict, run

WHERE = Surroundings("2026-11-30 12:00 UTC", "0123456789", True, 2, 8.0, "3.11.7", "Linux 6.1")
NODES = sorted({node for proof in PROOFS for form in (proof.short, proof.long) for node in form.nodes})


def proof(long: Command) -> Proof:
    return Proof(name="one", sentence="One is one.", short=long, long=long)


def script(text: str) -> Proof:
    return proof(Command((PYTHON, "-c", text)))


def pytest_in(folder: Path, text: str) -> Proof:
    place = folder / "test_it.py"
    place.write_text(text)
    return proof(Command((PYTHON, "-m", "pytest", str(place))))


def test_names_and_sentences_are_apart() -> None:
    assert len({one.name for one in PROOFS}) == len(PROOFS)
    assert all(one.sentence.endswith(".") and "|" not in one.sentence for one in PROOFS)


@pytest.mark.parametrize("node", NODES)
def test_every_node_exists(node: str) -> None:
    path, _, name = node.partition("::")
    text = (ROOT / path).read_text()
    assert not name or f"def {name.partition('[')[0]}(" in text


def test_the_page_has_the_sentences_of_the_list() -> None:
    """Run `just proof` after the list was changed, or put the new sentence on the page as "not run"."""
    rows = [
        line.split(" | ")[0].removeprefix("| ")
        for line in PAGE.read_text().splitlines()
        if "`just proof " in line
    ]
    assert rows == [one.sentence for one in PROOFS]


def test_what_was_not_run_says_so() -> None:
    text = page([Result(proof=one) for one in PROOFS], WHERE)
    assert text.count("**not run**") == len(PROOFS)
    assert "with uncommitted changes" in text


def test_a_process_that_fails_does_not_hold() -> None:
    found = run(script("print('three is not four'); raise SystemExit(3)"), Form.LONG)
    assert found.verdict is Verdict.FAILS
    text = page([found], WHERE)
    assert "**does not hold**" in text
    assert "three is not four" in text


def test_figures_of_a_process_are_added_up_by_name() -> None:
    text = "from tests.proof.figures import record; record('items', 999); record('items', 1); record('deaths', 0)"
    found = run(script(text), Form.LONG)
    assert found.verdict is Verdict.HOLDS
    assert found.figures == (Figure("items", 1_000), Figure("deaths", 0))
    assert str(found.figures[0]) == "1,000 items"


@pytest.mark.parametrize(("form", "told"), [(Form.SHORT, 2), (Form.LONG, 3)])
def test_a_test_is_told_its_form(form: Form, told: int) -> None:
    text = "from tests.proof.form import size; from tests.proof.figures import record; record('n', size(2, long=3))"
    assert run(script(text), form).figures == (Figure("n", told),)


def test_a_test_that_was_skipped_has_shown_nothing(tmp_path: Path) -> None:
    text = "import pytest\n\ndef test_one(): pass\n\ndef test_two(): pytest.skip('no such thing here')\n"
    found = run(pytest_in(tmp_path, text), Form.SHORT)
    assert found.verdict is Verdict.NOT_RUN
    assert Figure("tests skipped", 1) in found.figures


def test_a_test_that_fails_does_not_hold(tmp_path: Path) -> None:
    found = run(pytest_in(tmp_path, "def test_one(): assert 1 == 2\n\ndef test_two(): pass\n"), Form.SHORT)
    assert found.verdict is Verdict.FAILS
    assert found.figures == (Figure("tests passed", 1),)
    assert "assert 1 == 2" in found.output


def test_the_exit_code_is_that_of_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def all_but_poison(proof: Proof, form: Form) -> Result:
        verdict = Verdict.FAILS if proof.name == "poison-item" else Verdict.HOLDS
        return Result(proof=proof, verdict=verdict)

    assert command_line.main(["--short", "--skip", "poison-item"], all_but_poison) == 0
    assert command_line.main(["--short", "poison-item", "types"], all_but_poison) == 1
    assert "does not hold: One item of a map" in capsys.readouterr().out


def test_an_unknown_name_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "losses, seeds" in done.stderr


def test_nothing_is_recorded_outside_of_a_proof(
    figures: Record, size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADRACE_PROOF_FIGURES", raising=False)
    figures("nothing", 1)
    assert recorded(tmp_path / "none") == ()
    assert size(1, long=1) == 1
