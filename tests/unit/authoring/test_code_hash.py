from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace import load, task
from headrace.authoring import modules
from headrace.authoring.code_hash import code_hash_of

FLOW = "from headrace import task\nimport helper\n\n@task\ndef go() -> int:\n    return helper.number()\n"
HELPER = "def number() -> int:\n    return 1\n"

Tree = dict[str, str]
HashOf = Callable[[Path, str], str]


@pytest.fixture(autouse=True)
def no_declared_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_CODE", raising=False)


@pytest.fixture
def hash_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[HashOf]:
    """The hash of the task `go` of a target below a folder, which is imported afresh."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def forget() -> None:
        for name in set(sys.modules) - known:
            del sys.modules[name]
        importlib.invalidate_caches()

    def hashed(folder: Path, target: str) -> str:
        monkeypatch.chdir(folder)
        for name in (target.partition(".")[0], "helper"):  # another test may have left one of that name
            monkeypatch.delitem(sys.modules, name, raising=False)
        path = list(sys.path)
        try:
            return code_hash_of(load(target).tasks["go"])
        finally:
            sys.path[:] = path
            forget()

    yield hashed
    forget()


def write(folder: Path, files: Tree) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return folder


def test_it_is_one_token_and_the_same_wherever_the_code_is(tmp_path: Path, hash_of: HashOf) -> None:
    files = {"shop.py": FLOW, "helper.py": HELPER}
    here = hash_of(write(tmp_path / "here", files), "shop.py")
    assert re.fullmatch(r"[0-9a-f]{16}", here)
    assert hash_of(write(tmp_path / "elsewhere" / "deep", files), "shop.py") == here
    crlf = {name: text.replace("\n", "\r\n") for name, text in files.items()}
    assert hash_of(write(tmp_path / "windows", crlf), "shop.py") == here


def test_another_process_gives_the_same(tmp_path: Path, hash_of: HashOf) -> None:
    write(tmp_path, {"shop.py": FLOW, "helper.py": HELPER})
    code = "from headrace import load; from headrace.authoring.code_hash import code_hash_of as h; "
    ask = [sys.executable, "-c", code + "print(h(load('shop.py').tasks['go']))"]
    said = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == hash_of(tmp_path, "shop.py")


@pytest.mark.parametrize(
    "changed",
    [
        {"shop.py": FLOW + "\n# a comment\n"},
        {"helper.py": HELPER.replace("1", "2")},
        {"shop.py": FLOW.replace("import helper", "import helper, other"), "other.py": ""},
    ],
    ids=["own", "imported", "import"],
)
def test_a_change_of_what_it_runs_changes_it(tmp_path: Path, hash_of: HashOf, changed: Tree) -> None:
    files = {"shop.py": FLOW, "helper.py": HELPER}
    before = hash_of(write(tmp_path / "before", files), "shop.py")
    assert hash_of(write(tmp_path / "after", files | changed), "shop.py") != before


def test_a_change_beside_it_does_not(tmp_path: Path, hash_of: HashOf) -> None:
    files = {"shop.py": FLOW, "helper.py": HELPER, "other.py": "x = 1"}
    before = hash_of(write(tmp_path / "before", files), "shop.py")
    assert hash_of(write(tmp_path / "after", files | {"other.py": "x = 2"}), "shop.py") == before


PACKAGE = {
    "app/__init__.py": "",
    "app/flows/__init__.py": "",
    "app/flows/shop.py": """
        from headrace import task
        from ..prices import tax
        from . import sizes

        @task
        def go() -> int:
            import importlib
            from app.late import value
            return importlib.import_module("app.by_name").x
        """,
    "app/flows/sizes.py": "",
    "app/prices/__init__.py": "from .tax import *",
    "app/prices/tax.py": "import app.deep.leaf",
    "app/deep/leaf.py": "",
    "app/late.py": "value = 1",
    "app/by_name.py": "x = 1",
    "app/unused.py": "",
}


@pytest.mark.parametrize("touched", sorted(PACKAGE))
def test_imports_are_followed(tmp_path: Path, hash_of: HashOf, touched: str) -> None:
    """Relative and absolute, inside of functions, by name, through packages with and without `__init__.py`."""
    files = {name: textwrap.dedent(text) for name, text in PACKAGE.items()}
    before = hash_of(write(tmp_path / "before", files), "app.flows.shop")
    after = hash_of(
        write(tmp_path / "after", files | {touched: files[touched] + "\ny = 2\n"}), "app.flows.shop"
    )
    assert (after != before) == (touched != "app/unused.py")


def test_the_packages_around_a_module_count(tmp_path: Path, hash_of: HashOf) -> None:
    own = "from headrace import task\n\n@task\ndef go() -> int:\n    return 1\n"
    files = {"app/__init__.py": "", "app/shop.py": own}
    before = hash_of(write(tmp_path / "before", files), "app.shop")
    assert hash_of(write(tmp_path / "after", files | {"app/__init__.py": "x = 1"}), "app.shop") != before


def test_a_file_and_a_module_are_the_same_code(tmp_path: Path, hash_of: HashOf) -> None:
    files = {name: textwrap.dedent(text) for name, text in PACKAGE.items()}
    write(tmp_path, files)
    assert hash_of(tmp_path, "app.flows.shop") == hash_of(tmp_path, "app/flows/shop.py")


def test_names_that_are_taken_change_nothing(tmp_path: Path, hash_of: HashOf) -> None:
    files = {"json.py": FLOW, "helper.py": HELPER}  # loaded under a digest of its path
    assert hash_of(write(tmp_path / "a", files), "json.py") == hash_of(
        write(tmp_path / "b", files), "json.py"
    )


def test_imports_in_a_circle_and_files_that_cannot_be_parsed(tmp_path: Path, hash_of: HashOf) -> None:
    helper = "try:\n    import broken\nexcept SyntaxError:\n    pass\nimport shop\n" + HELPER
    files = {"shop.py": FLOW, "helper.py": helper, "broken.py": "print 'two'"}
    before = hash_of(write(tmp_path / "before", files), "shop.py")
    assert hash_of(write(tmp_path / "after", files | {"broken.py": "print 'three'"}), "shop.py") != before


def test_an_installed_task_is_its_distribution(tmp_path: Path, hash_of: HashOf) -> None:
    record = "acme/shop.py,,\nacme/own.py,,\n"
    files = {
        "acme/shop.py": FLOW.replace("import helper", "import helper\nimport acme.own, acme.other"),
        "acme/own.py": "",
        "acme/other.py": "",  # the same namespace, another distribution
        "helper.py": HELPER,
        "acme_shop-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-shop\nVersion: 1\n",
        "acme_shop-1.dist-info/RECORD": record,
    }

    def hashed(name: str, changed: Tree) -> str:
        return hash_of(write(tmp_path / name / "site-packages", files | changed), "acme.shop")

    before = hashed("before", {})
    assert hashed("own", {"acme/own.py": "x = 1"}) != before
    assert hashed("other", {"acme/other.py": "x = 1", "helper.py": HELPER + "x = 1"}) == before


def test_what_is_loaded_counts_and_not_what_was_saved_since(tmp_path: Path, hash_of: HashOf) -> None:
    write(tmp_path, {"shop.py": FLOW, "helper.py": HELPER})
    known = set(sys.modules)
    try:
        loaded = load(str(tmp_path / "shop.py")).tasks["go"]
        before = code_hash_of(loaded)
        write(tmp_path, {"helper.py": HELPER + "\nx = 1\n"})
        assert code_hash_of(loaded) == before
        modules.forget(str(tmp_path / "shop.py"))
        assert code_hash_of(load(str(tmp_path / "shop.py")).tasks["go"]) != before
    finally:
        for name in set(sys.modules) - known:
            del sys.modules[name]


def test_functions_without_a_file() -> None:
    def made(text: str) -> Callable[..., object]:
        names: dict[str, object] = {"__name__": "__typed__"}
        exec(text, names)
        found = names["go"]
        assert callable(found)
        return found

    one = made("def go():\n    return 1 if 'x' in {'x', 'y', 'z'} else (lambda: 2)()")
    assert re.fullmatch(r"[0-9a-f]{16}", code_hash_of(one))
    assert code_hash_of(one) == code_hash_of(
        made("def go():\n\n    return 1 if 'x' in {'z', 'y', 'x'} else (lambda: 2)()")
    )
    assert code_hash_of(one) != code_hash_of(
        made("def go():\n    return 1 if 'x' in {'x', 'y', 'z'} else (lambda: 3)()")
    )
    assert code_hash_of(len) == code_hash_of(len) != code_hash_of(max)


def test_bytecode_is_hashed_alike_in_every_process() -> None:
    code = (
        "from headrace.authoring.code_hash import code_hash_of as h; names = {'__name__': 'typed'}; "
        'exec(\'def go(x): return x in {"a", "b", "c", "d", "e"}\', names); print(h(names[\'go\']))'
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_bytecode_alone(tmp_path: Path, hash_of: HashOf) -> None:
    write(tmp_path, {"helper.py": HELPER, "shop.py": FLOW})
    compiled = Path(importlib.util.cache_from_source(str(tmp_path / "shop.py")))
    subprocess.run([sys.executable, "-m", "compileall", "-q", "shop.py"], cwd=tmp_path, check=True)
    shutil.move(compiled, tmp_path / "shop.pyc")
    (tmp_path / "shop.py").unlink()
    assert re.fullmatch(r"[0-9a-f]{16}", hash_of(tmp_path, "shop"))


@pytest.mark.parametrize("declared", ["v2", "3f2504e0", "sha256:ab/c d.*>"])
def test_declared_code_is_used_instead(monkeypatch: pytest.MonkeyPatch, declared: str) -> None:
    @task
    def go() -> int:
        return 1

    monkeypatch.setenv("HEADRACE_CODE", declared)
    hashed = code_hash_of(go)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", hashed)
    assert hashed == declared or ":" in declared
    monkeypatch.setenv("HEADRACE_CODE", declared + "2")
    assert code_hash_of(go) != hashed
