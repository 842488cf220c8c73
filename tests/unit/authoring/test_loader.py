from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace import DefinitionError, load, load_all
from headrace.authoring.loader import reload_all

FLOW = """
from headrace import task, workflow
{extra}
@task
def greet(name: str) -> str:
    return f"Hello, {{name}}"

@workflow(name={name!r})
def hello(name: str = "world") -> str:
    return greet(name)
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a file below a fresh folder; what is imported from there is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def written(path: str, text: str) -> str:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return str(file)

    yield written
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def flow(name: str = "hello", extra: str = "") -> str:
    return FLOW.format(name=name, extra=extra)


def test_a_file(write: Write) -> None:
    definitions = load(write("my_flow.py", flow()))
    assert list(definitions.workflows) == ["hello"]
    assert list(definitions.tasks) == ["greet"]
    assert definitions.workflows["hello"]("you") == "Hello, you"


def test_a_file_is_loaded_once(write: Write) -> None:
    path = write("my_flow.py", flow())
    assert load(path).workflows["hello"] is load(path).workflows["hello"]


def test_files_beside_it_can_be_imported(write: Write) -> None:
    write("neighbour.py", "NAME = 'near'")
    definitions = load(write("my_flow.py", flow(extra="from neighbour import NAME")))
    assert "hello" in definitions.workflows


def test_a_module_in_the_current_folder(write: Write) -> None:
    write("pack/__init__.py", "")
    write("pack/flow.py", flow(extra="from . import other"))
    write("pack/other.py", "")
    assert "hello" in load("pack.flow").workflows


def test_a_file_in_a_package_is_the_packages_module(write: Write) -> None:
    write("pack/__init__.py", "")
    write("pack/other.py", "")
    definitions = load(write("pack/flow.py", flow(extra="from . import other")))
    assert definitions.workflows["hello"].function.__module__ == "pack.flow"


@pytest.mark.parametrize("name", ["json.py", "my-flow.py", "2024.py"])
def test_names_that_are_taken_or_no_names(write: Write, name: str) -> None:
    assert "hello" in load(write(name, flow())).workflows
    import json

    assert json.loads("1") == 1


def test_two_files_of_one_name(write: Write) -> None:
    first = write("a/my_flow.py", flow("one"))
    second = write("b/my_flow.py", flow("two").replace("greet", "greet_too"))
    assert set(load_all([first, second]).workflows) == {"one", "two"}


def test_tasks_that_only_a_workflow_knows_are_found_too(write: Write) -> None:
    write("steps.py", "from headrace import task\n@task\ndef step() -> int:\n    return 1\n")
    path = write(
        "my_flow.py",
        "import steps\nfrom headrace import workflow\n@workflow\ndef f() -> int:\n    return steps.step()\n",
    )
    assert list(load(path).tasks) == ["step"]


def test_a_copy_with_other_options_is_no_second_task(write: Write) -> None:
    path = write("my_flow.py", flow() + "\nfast = greet.options(priority='high')\n")
    assert load(path).tasks["greet"].options_.priority == "normal"


def test_two_workflows_of_one_name_are_named_with_their_places(write: Write) -> None:
    first = write("one.py", flow())
    second = write("two.py", flow().replace("greet", "greet_too"))
    with pytest.raises(DefinitionError, match="two workflows have the name 'hello'") as caught:
        load_all([first, second])
    assert "one.py:" in caught.value.found
    assert "two.py:" in caught.value.found


def test_two_tasks_of_one_name(write: Write) -> None:
    with pytest.raises(DefinitionError, match="two tasks have the name 'greet'"):
        load_all([write("one.py", flow("a")), write("two.py", flow("b"))])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py", "there is no such file"),
        ("nowhere/flow.py", "there is no such file"),
        ("no_such_module", "there is no such module"),
        ("no_such_package.module", "there is no such module"),
        ("", "not a target"),
        ("..x", "not a target"),
    ],
)
def test_what_is_not_there(write: Write, target: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        load(target)
    assert caught.value.where == target


def test_a_failed_import_shows_the_users_traceback(write: Write) -> None:
    write("helper.py", "def boom():\n    return 1 / 0\n")
    path = write("my_flow.py", "import helper\nhelper.boom()\n")
    with pytest.raises(DefinitionError, match="ZeroDivisionError") as caught:
        load(path)
    shown = caught.value.found
    assert 'my_flow.py", line 2' in shown
    assert 'helper.py", line 2' in shown
    assert "importlib" not in shown
    assert "modules.py" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_thing\n", "No module named 'no_such_thing'"),
        ("raise SystemExit(3)\n", "SystemExit"),
    ],
)
def test_other_failures(write: Write, text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        load(write("my_flow.py", text))


def test_a_module_that_imports_a_missing_one_is_not_missing_itself(write: Write) -> None:
    write("my_module.py", "import no_such_thing\n")
    with pytest.raises(DefinitionError, match="the import failed"):
        load("my_module")


def test_our_own_errors_pass_as_they_are(write: Write) -> None:
    with pytest.raises(DefinitionError, match="unknown priority"):
        load(write("my_flow.py", "from headrace import task\n@task(priority='x')\ndef f() -> None: ...\n"))


def test_nothing_found_shows_what_to_write(write: Write) -> None:
    with pytest.raises(DefinitionError, match="no workflow and no task was found") as caught:
        load(write("my_flow.py", "x = 1\n"))
    example = caught.value.fix.partition("\n\n")[2]
    path = write("example.py", "\n".join(line[4:] for line in example.splitlines()))
    assert set(load(path).workflows) == {"hello"}


def test_reload_reads_changed_neighbours_again(write: Write) -> None:
    write("neighbour.py", "NAME = 'one'")
    path = write("my_flow.py", flow(extra="from neighbour import NAME").replace("name='hello'", "name=NAME"))
    assert set(load(path).workflows) == {"one"}
    write("neighbour.py", "NAME = 'two'")
    assert set(reload_all([path]).workflows) == {"two"}
