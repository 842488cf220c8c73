"""Every code is in the table, and every error class says which one is its own."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_protocol import errors
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, HeadraceError, ProtocolError

ROOT = Path(__file__).parents[3]
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HeadraceError)]


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_meaning_and_a_remedy(code: ErrorCode) -> None:
    assert ERROR_TABLE[code].meaning.endswith(".")
    assert ERROR_TABLE[code].remedy.endswith(".")


INSTRUCTIONS = {
    *(
        "Change",
        "Choose",
        "Compare",
        "Correct",
        "Define",
        "Guard",
        "List",
        "Look",
        "Pass",
        "Put",
        "Read",
        "Remove",
    ),
    *("Report", "Return", "See", "Start", "Stop", "Upgrade"),
}
"""The verbs that remedies begin with."""


@pytest.mark.parametrize("code", ErrorCode)
def test_every_remedy_can_be_followed_or_says_why_nothing_is_needed(code: ErrorCode) -> None:
    remedy = ERROR_TABLE[code].remedy
    first = remedy.split()[0]
    if first == "Nothing":
        assert remedy.startswith(("Nothing is needed: ", "Nothing is needed if "))
    else:
        assert first in INSTRUCTIONS, remedy
    assert len(remedy.split()) > 3, "says neither what nor where"


def test_no_remedy_is_given_for_two_meanings_that_differ() -> None:
    remedies = [entry.remedy for entry in ERROR_TABLE.values()]
    assert len(set(remedies)) == len(remedies)


@pytest.mark.parametrize(
    "package", ["coordinator/headrace_coordinator", "worker/headrace", "protocol/headrace_protocol"]
)
def test_no_fix_is_empty_talk(package: str) -> None:
    """What is said in place says what to do, in the words of a technical writer."""
    found = list(_fixes(ROOT / package))
    assert len(found) > 5
    for place, text in found:
        assert not re.match(r"Nothing\b(?! is needed)", text), place
        assert not re.search(r"\bmend\b", text, re.IGNORECASE), place
        assert not text.startswith(("It ", "This ", "There ")), place


def _fixes(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "fix":
                parts = [part for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                if parts and isinstance(parts[0].value, str) and parts[0].value:
                    yield f"{path}:{node.value.lineno}", parts[0].value


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_a_code_of_its_own_and_takes_its_remedy(kind: type[HeadraceError]) -> None:
    assert kind is HeadraceError or "default_code" in vars(kind)
    error = kind("it went wrong")
    assert error.code is kind.default_code
    assert error.fix == ERROR_TABLE[error.code].remedy


def test_no_two_classes_share_a_code() -> None:
    assert len({kind.default_code for kind in CLASSES}) == len(CLASSES)


def test_an_error_reads_as_place_message_and_what_to_do() -> None:
    error = ProtocolError(
        "too new", where="Headrace-Version", found="9", expected="1", code=ErrorCode.PROTOCOL_VERSION
    )
    assert str(error).splitlines() == [
        "Headrace-Version: too new",
        "  found: 9",
        "  expected: 1",
        "  fix: Upgrade Headrace where the message is read, then redrive the dead letter.",
    ]
    info = error.info()
    assert (info.code, info.where, info.found, info.expected) == (
        "protocol.version",
        "Headrace-Version",
        "9",
        "1",
    )
