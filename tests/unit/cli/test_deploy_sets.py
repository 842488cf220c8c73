"""Which set a file is, whose it is, and where a deploy came from."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.cli.deploy_sets import SetOptions, one_by_one, project_root, together
from headrace.cli.provenance import provenance, repository
from headrace_protocol.deploys import DeployPart, Prune
from headrace_protocol.messages import DeploySet

FLOW = """
from headrace import task, workflow

@task
def step_{name}() -> int:
    return 1

@workflow
def {name}() -> int:
    return step_{name}()
"""


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.path[:] = path


def write(path: Path, *names: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(FLOW.format(name=name) for name in names))
    return str(path)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    subprocess.run(
        ("git", *identity, *arguments), cwd=folder, env=environment, check=True, capture_output=True
    )


def sets(command: DeploySet) -> dict[str, tuple[str, str]]:
    return {member.definition.name: (member.set, member.file) for member in command.members}


def test_a_file_in_a_project_is_a_set_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").touch()
    target = write(tmp_path / "flows/daily.py", "daily_a", "daily_b")
    command = together([target], SetOptions())
    assert sets(command) == dict.fromkeys(("daily_a", "daily_b"), ("flows/daily.py",) * 2)
    assert command.owner == f"{socket.gethostname()}:{tmp_path}"
    assert command.parts == (DeployPart(set="flows/daily.py", file="flows/daily.py"),)
    assert all(len(member.code) == 16 for member in command.members)


def test_a_file_of_no_project_is_named_by_its_whole_path(tmp_path: Path) -> None:
    if project_root(tmp_path / "x.py") != Path("/"):
        pytest.skip("the temporary folder is part of a project")
    target = write(tmp_path / "alone.py", "alone")
    command = together([target], SetOptions())
    assert sets(command) == {"alone": (target, target)}
    assert command.owner == socket.gethostname()


def test_a_named_set_holds_all_files_and_needs_no_owner(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").touch()
    targets = [write(tmp_path / "one.py", "first"), write(tmp_path / "two.py", "second")]
    command = together(targets, SetOptions(name="shop", prune=True, gone=(str(tmp_path / "old.py"),)))
    assert sets(command) == {"first": ("shop", "one.py"), "second": ("shop", "two.py")}
    assert command.owner == ""
    assert command.prune is Prune.SET
    assert [part.file for part in command.parts] == ["one.py", "two.py", "old.py"]


def test_a_workflow_that_is_imported_belongs_to_the_file_that_defines_it(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").touch()
    write(tmp_path / "base_flows.py", "base")
    target = write(tmp_path / "top_flows.py", "top")
    Path(target).write_text("from base_flows import base\n" + Path(target).read_text())
    command = together([target], SetOptions())
    assert sets(command)["base"] == ("base_flows.py", "base_flows.py")
    assert [part.file for part in command.parts] == ["top_flows.py"]


def test_a_broken_file_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").touch()
    good, twin = write(tmp_path / "good.py", "same"), write(tmp_path / "twin.py", "same")
    broken = tmp_path / "broken.py"
    broken.write_text("def (:\n")
    loaded = one_by_one([good, str(broken), twin], SetOptions(prune=True, gone=(str(tmp_path / "old.py"),)))
    assert [targets for targets, _ in loaded.deploys] == [(good,), ()]
    assert [one.target for one in loaded.broken] == [str(broken), twin]
    assert "SyntaxError" in loaded.broken[0].error.message
    assert "two workflows have the name 'same'" in loaded.broken[1].error.message
    first, last = (command for _, command in loaded.deploys)
    assert (first.prune, first.replaces) == (Prune.FILES, ("good.py", "old.py"))
    assert last.parts == (DeployPart(set="old.py", file="old.py"),)


def test_without_git_there_is_only_who_and_where(tmp_path: Path) -> None:
    known = provenance(tmp_path, [])
    assert (known.commit, known.author, known.dirty) == ("", "", None)
    assert known.host == socket.gethostname()


def test_a_commit_its_author_and_whether_it_is_all(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    file = Path(write(tmp_path / "flow.py", "w"))
    assert provenance(tmp_path, [file]).commit == ""
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    known = provenance(tmp_path, [file])
    assert (len(known.commit), known.author, known.branch) == (40, "Ada <ada@example.com>", "main")
    assert known.dirty is False
    other = Path(write(tmp_path / "new.py", "v"))
    assert provenance(tmp_path, [file]).dirty is False
    assert provenance(tmp_path, [file, other]).dirty is True
    file.write_text("changed")
    assert provenance(tmp_path, [file]).dirty is True


def test_git_runs_no_program_that_the_repository_names(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path / "flow.py", "w")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(trap))
    git(tmp_path, "config", "core.hooksPath", str(tmp_path))
    assert provenance(tmp_path, [tmp_path / "flow.py"]).commit
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://ada:secret@git.example.com/team/shop.git", "git.example.com/team/shop"),
        ("git@git.example.com:team/shop.git", "git.example.com/team/shop"),
        ("ssh://git@git.example.com:2222/team/shop", "git.example.com/team/shop"),
        ("/srv/git/shop", ""),
    ],
)
def test_a_repository_has_one_address_however_it_is_reached(tmp_path: Path, url: str, address: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", url)
    assert repository(tmp_path) == address
