"""Where the coordinator may answer, as an operator names it."""

from __future__ import annotations

import pytest

from headrace_coordinator.bus.settings import inboxes_of
from headrace_protocol.errors import ConfigError


def test_prefixes_of_inboxes() -> None:
    assert inboxes_of("_INBOX") == ("_INBOX.",)
    assert inboxes_of("_INBOX, _INBOX.shop.") == ("_INBOX.", "_INBOX.shop.")


@pytest.mark.parametrize("prefix", ["", "_INBOX,", ">", "*", "a b", "$JS", "$SYS.REQ", "hr", "hr.default"])
def test_what_is_no_inbox(prefix: str) -> None:
    with pytest.raises(ConfigError, match="not the prefix of an inbox"):
        inboxes_of(prefix)
