"""JSON, files and pairs on the command line."""

import io
from pathlib import Path

import pytest

from headrace.cli.arguments import json_value, labels, run_params, time_given
from headrace_protocol.errors import HeadraceError, ParamsError, RequestError


def test_pairs_are_json_or_text_and_win_over_params() -> None:
    assert run_params('{"a": 1, "b": 2}', ["b=3", "c=true", "d=a=b", 'e={"x": []}', "f="]) == {
        "a": 1,
        "b": 3,
        "c": True,
        "d": "a=b",
        "e": {"x": []},
        "f": "",
    }


def test_values_come_from_files_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.json"
    path.write_text("[1]")
    monkeypatch.setattr("sys.stdin", io.StringIO("[2]"))
    assert json_value(f"@{path}", "--data") == [1]
    assert json_value("-", "--data") == [2]


@pytest.mark.parametrize("given", ["{a: 1}", "hello", "", "@/no/such/file"])
def test_what_is_not_json_says_so(given: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        json_value(given, "--data")
    assert caught.value.where == "--data"
    assert caught.value.code == "request.invalid"


@pytest.mark.parametrize(("params", "pairs"), [("[1]", []), (None, ["count"]), (None, ["=1"])])
def test_wrong_params(params: str | None, pairs: list[str]) -> None:
    with pytest.raises(ParamsError):
        run_params(params, pairs)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T06:00", "2026-01-31T06:00:00+00:00"),
        ("2026-01-31T06:00:00+01:00", "2026-01-31T06:00:00+01:00"),
        ("2026-01-31 06:00:00.5Z", "2026-01-31T06:00:00.500000+00:00"),
    ],
)
def test_times(text: str, time: str) -> None:
    assert time_given(text, "--interval") == time


def test_what_is_no_time() -> None:
    with pytest.raises(RequestError, match="not a time") as caught:
        time_given("31.1.2026", "--interval")
    assert caught.value.where == "--interval"


def test_labels() -> None:
    assert labels(["team=a", "x=b=c"]) == {"team": "a", "x": "b=c"}
