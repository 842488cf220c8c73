"""The examples of docs/testing.md are tests: they pass, are typed, and fail as they say they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

from tests.unit.testing.test_plugin import run_pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/testing.md").read_text()
BLOCK = re.compile(r"(?:<!-- (?:file: )?([\w.]+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)
CONFTEST = "import pytest\n\n\n@pytest.fixture\ndef anyio_backend() -> str:\n    return 'asyncio'\n"
ANYIO = ("-p", "anyio.pytest_plugin")
SETTINGS = "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\nanyio_mode = auto\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text(SETTINGS)
    for number, (name, language, code) in enumerate(BLOCK.findall(PAGE)):
        if language == "python":
            (folder / (name or f"test_example_{number}.py")).write_text(code)
    return folder


def test_the_examples_pass(project: Path) -> None:
    told = run_pytest(project, *ANYIO)
    tests = len(re.findall(r"^(?:async )?def test_", PAGE, re.MULTILINE)) - 1  # one is meant to fail
    assert f"{tests} passed" in told, told
    assert tests > 15


def test_the_examples_are_typed(project: Path) -> None:
    files = [str(file) for file in sorted(project.glob("*.py"))]
    report, _, status = api.run(["--strict", "--config-file", str(ROOT / "pyproject.toml"), *files])
    assert status == 0, report


def test_the_failure_looks_like_that(project: Path) -> None:
    [expected] = [text for name, _, text in BLOCK.findall(PAGE) if name == "report"]
    told = run_pytest(project, *ANYIO, "failing.py")
    assert expected.strip() in re.sub(r" +$", "", told, flags=re.MULTILINE)
