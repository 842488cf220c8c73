"""The files that say how to run us agree with each other."""

import re
import subprocess
import tomllib
from typing import Any

import pytest

from tests.style.rules import ROOT

COMMAND = re.compile(r"^python3 -m pip install uv && .+$", re.MULTILINE)
PIN = re.compile(r"[a-z0-9-]+==[\w.]+")
NAME = re.compile(r"[\w-]+")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pins() -> list[str]:
    return (ROOT / "deploy/requirements.lock").read_text().splitlines()


def test_ci_runs_the_second_command_of_the_readme() -> None:
    commands = COMMAND.findall((ROOT / "README.md").read_text())
    asked = subprocess.run(
        [ROOT / ".ci/run", "--show-test-command"], check=True, capture_output=True, text=True
    )
    assert len(commands) == 2
    assert asked.stdout == commands[1] + "\n"


def test_readme_commands_call_what_exists(project: dict[str, Any]) -> None:
    first, second = COMMAND.findall((ROOT / "README.md").read_text())
    assert first.endswith("&& uv run headrace demo")
    assert "headrace" in project["project"]["scripts"]
    assert second.endswith("&& uv run just test")
    assert re.search(r"^test .*:$", (ROOT / ".justfile").read_text(), re.MULTILINE)


def test_lock_holds_nothing_but_pins(pins: list[str]) -> None:
    assert [line for line in pins if not PIN.fullmatch(line)] == []
    assert pins == sorted(set(pins))


def test_lock_equals_the_constraints_of_uv(project: dict[str, Any], pins: list[str]) -> None:
    assert project["tool"]["uv"]["constraint-dependencies"] == pins, "run `just lock`"


def test_lock_pins_what_we_declare(project: dict[str, Any], pins: list[str]) -> None:
    ours = project["project"]
    declared = [*ours["dependencies"], *ours["optional-dependencies"]["demo"]]
    groups = project["dependency-groups"].values()
    declared += [need for group in groups for need in group if not need.startswith("headrace[")]
    names = {match.group() for need in declared if (match := NAME.match(need))}
    assert names - {pin.partition("==")[0] for pin in pins} == set(), "run `just lock`"


def test_uv_lock_is_not_committed() -> None:
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()
