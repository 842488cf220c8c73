"""The README's workflow type-checks under mypy strict, loads, and its wrong edges are rejected with both types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

from headrace import TypeMismatch, load

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = re.compile(r"<!-- example: begin -->\n```python\n(.*?)```", re.DOTALL)
RIGHT = "return invoice(order, prices)"
WRONG = "return invoice(prices, order)"


def example() -> str:
    found = EXAMPLE.search((ROOT / "README.md").read_text())
    assert found is not None
    return found.group(1)


def checked(source: str, file: Path) -> tuple[str, int]:
    file.write_text(source)
    report, _, status = api.run(["--strict", "--config-file", str(ROOT / "pyproject.toml"), str(file)])
    return report, status


def test_mypy_accepts_it_and_rejects_a_wrong_edge(tmp_path: Path) -> None:
    report, status = checked(example(), tmp_path / "right.py")
    assert status == 0, report
    report, status = checked(example().replace(RIGHT, WRONG), tmp_path / "wrong.py")
    assert status == 1
    assert 'expected "Order"' in report
    assert 'expected "list[float]"' in report


def test_it_defines_the_workflow(tmp_path: Path) -> None:
    file = tmp_path / "shop_right.py"
    file.write_text(example())
    definition = load(str(file)).workflows["fulfil"].definition
    assert [node.id for node in definition.nodes] == ["accept", "price", "invoice"]
    assert definition.nodes[1].map is not None


def test_the_definition_check_names_both_types(tmp_path: Path) -> None:
    file = tmp_path / "shop_wrong.py"
    file.write_text(example().replace(RIGHT, WRONG))
    with pytest.raises(TypeMismatch) as caught:
        load(str(file))
    assert "list[float]" in caught.value.found
    assert "Order" in caught.value.expected
