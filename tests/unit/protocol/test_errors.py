"""Every code is in the table, and every error class says which one is its own."""

import inspect

import pytest

from headrace_protocol import errors
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, HeadraceError, ProtocolError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HeadraceError)]


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_meaning_and_a_remedy(code: ErrorCode) -> None:
    assert ERROR_TABLE[code].meaning.endswith(".")
    assert ERROR_TABLE[code].remedy.endswith(".")


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
        "  fix: Upgrade the reader, then redrive.",
    ]
    info = error.info()
    assert (info.code, info.where, info.found, info.expected) == (
        "protocol.version",
        "Headrace-Version",
        "9",
        "1",
    )
