"""Text of users on a terminal: colours stay, everything else that a terminal would obey is shown instead.

A task's line, an exception's message or the name of an event may hold control characters: by accident, or to move the
cursor over other lines, set the window's title, or type into the shell of whoever looks.
"""

from __future__ import annotations

import re

_SGR = r"\x1b\[[0-9;:]*m"
"""Select Graphic Rendition (ECMA-48 8.3.117): colours and weight."""
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
"""C0 without tab and newline, DEL, C1, separators of lines, and marks that turn the direction of text."""
_HIDDEN = re.compile(rf"({_SGR})|({_CONTROL})")
_ENDS = re.compile(r"\x1b\[0*m")
_IN_JSON = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
RESET = "\x1b[0m"


def printable(text: str) -> str:
    """The text with control characters as escapes (`\\x1b`, `\\r`, `\\u202e`), and colours that end with their line."""
    if text.isprintable():
        return text
    return "\n".join(map(_line, text.replace("\r\n", "\n").split("\n")))


def printable_json(text: str) -> str:
    """JSON with the few characters that a terminal may obey, and that JSON need not escape, as JSON escapes them."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _line(line: str) -> str:
    shown = _HIDDEN.sub(lambda found: found[1] or _escape(found[2]), line)
    colour = shown.rfind("\x1b[")
    if colour >= 0 and not _ENDS.match(shown, colour):
        return shown + RESET
    return shown


def _escape(character: str) -> str:
    return repr(character)[1:-1]
