"""Text of users on a terminal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol.printable import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 日本語, 👍🏽", "plain, ünïcode, 日本語, 👍🏽"),
        (
            "\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m",
            "\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m",
        ),
        ("\x1b[31mnever ended\nnext", "\x1b[31mnever ended\x1b[0m\nnext"),
        ("\x1b[2J\x1b[1;1Hover the screen", "\\x1b[2J\\x1b[1;1Hover the screen"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31mC1\x9c", "\\x9b31mC1\\x9c"),
        ("over\rwritten", "over\\rwritten"),
        ("dos\r\nlines\t|", "dos\nlines\t|"),
        ("\0\x08\x7f", "\\x00\\x08\\x7f"),
        ("admin\u202etxt.exe\u2066", "admin\\u202etxt.exe\\u2066"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_colours_stay_and_all_else_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters() | st.sampled_from("\x1b[m0123;\n\r\x9b\x07")))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    for part in shown.split("\x1b")[1:]:
        assert part.startswith("[")
        assert part[1:].lstrip("0123456789;:").startswith("m")
    left = {character for character in shown if unicodedata.category(character) == "Cc"}
    assert left <= {"\x1b", "\n", "\t"}


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    shown = printable_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert not {character for character in shown if "\x7f" <= character <= "\x9f"}
