"""What `headrace deploy` deploys: definitions with the set, the file and the code that they come from.

A *deploy set* is what is deployed together and owns its workflows. It has the name that `--set` or headrace.toml gives
it; without one, each file is a set of its own, named by its path inside the project. Its owner tells apart sets of one
name: what `--owner` says, else the repository, else, for files, the host and folder of the project.
"""

from __future__ import annotations

import inspect
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from headrace.authoring import modules
from headrace.authoring.code_hash import code_hash_of
from headrace.authoring.loader import Definitions, load, load_all
from headrace.cli.provenance import provenance, repository
from headrace_protocol.deploys import DeployMember, DeployPart, Prune
from headrace_protocol.errors import DefinitionError, ErrorInfo, HeadraceError
from headrace_protocol.messages import DeploySet

if TYPE_CHECKING:
    from headrace.authoring.workflows import Workflow

PROJECT_FILES = ("headrace.toml", "pyproject.toml")


class SetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of the set."""

    name: str = ""
    owner: str = ""
    take_over: bool = False
    prune: bool = False
    gone: tuple[str, ...] = ()
    """Files that no longer exist."""
    missing: tuple[str, ...] = ()
    """Files that are not there now: their workflows may have moved."""
    dry_run: bool = False


class BrokenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be loaded."""

    target: str
    error: ErrorInfo


class Loaded(msgspec.Struct, frozen=True):
    """Deploys to be made one after the other, and what could not be loaded."""

    deploys: tuple[tuple[tuple[str, ...], DeploySet], ...]
    """Each with its targets."""
    broken: tuple[BrokenFile, ...] = ()


def together(targets: Sequence[str], options: SetOptions) -> DeploySet:
    """One deploy of everything that the targets define; raises DefinitionError like `load_all`."""
    found = load_all(targets) if targets else Definitions({}, {})
    prune = Prune.SET if options.prune else Prune.NONE
    return _Project(targets, options).deploy(targets, found, prune)


def one_by_one(targets: Sequence[str], options: SetOptions) -> Loaded:
    """A deploy for each target that can be loaded: a broken file holds up no other one. A workflow whose file was
    loaded may have moved to another of them. Files that are gone make a deploy of their own."""
    project = _Project(targets, options)
    known: dict[str, Workflow[..., object]] = {}
    loaded: list[tuple[str, Definitions]] = []
    broken = []
    for target in targets:
        try:
            found = load(target)
            _check_names(found, known, target)
        except HeadraceError as error:
            broken.append(BrokenFile(target=target, error=error.info()))
            continue
        known |= found.workflows
        loaded.append((target, found))
    replaces = tuple(project.set_of(project.label(target)) for target, _ in loaded) + tuple(
        project.set_of(file) for file in (*project.gone, *map(project.label, options.missing))
    )
    prune = Prune.FILES if options.prune else Prune.NONE
    deploys: list[tuple[tuple[str, ...], DeploySet]] = [
        ((target,), msgspec.structs.replace(project.deploy([target], found, prune), replaces=replaces))
        for target, found in loaded
    ]
    if options.gone and options.prune:
        deploys.append(((), project.deploy([], Definitions({}, {}), prune)))
    return Loaded(tuple(deploys), tuple(broken))


class _Project:
    """Where the targets are, and whose they are."""

    def __init__(self, targets: Sequence[str], options: SetOptions) -> None:
        self._options = options
        paths = [Path(target).resolve() for target in targets if modules.is_file(target)]
        gone = [Path(file).resolve() for file in options.gone]
        self.root = project_root((*paths, *gone, Path.cwd() / "none")[0])
        self._provenance = provenance(self.root, paths)
        self.gone = tuple(self.label(file) for file in options.gone)
        self._owner = options.owner or repository(self.root) or self._place()

    def _place(self) -> str:
        """Names of our own choice are the same on every machine; paths are not."""
        if self._options.name:
            return ""
        host = socket.gethostname()
        return host if self.root == Path("/") else f"{host}:{self.root}"

    def label(self, target: str) -> str:
        """A target, which has been loaded, as it is called in the project."""
        if modules.is_file(target):
            path = Path(target).resolve()
            return self._relative(path) or path.as_posix()
        file = getattr(sys.modules.get(target), "__file__", None)
        return (self._relative(Path(file).resolve()) if file else None) or target

    def set_of(self, file: str) -> str:
        return self._options.name or file

    def deploy(self, targets: Sequence[str], found: Definitions, prune: Prune) -> DeploySet:
        labels = [self.label(target) for target in targets]
        with_gone = prune is Prune.SET or not targets
        files = dict.fromkeys((*labels, *(self.gone if with_gone else ())))
        return DeploySet(
            members=tuple(self._member(workflow, labels) for workflow in found.workflows.values()),
            owner=self._owner,
            parts=tuple(DeployPart(set=self.set_of(file), file=file) for file in files),
            prune=prune,
            take_over=self._options.take_over,
            dry_run=self._options.dry_run,
            provenance=self._provenance,
        )

    def _member(self, workflow: Workflow[..., object], labels: Sequence[str]) -> DeployMember:
        path = _defined_in(workflow)
        file = (None if path is None else self._relative(path)) or labels[0]
        return DeployMember(
            definition=workflow.definition, set=self.set_of(file), file=file, code=_code(workflow)
        )

    def _relative(self, path: Path) -> str | None:
        if not path.is_relative_to(self.root) or "site-packages" in path.parts:
            return None
        return path.as_posix() if self.root == Path("/") else path.relative_to(self.root).as_posix()


def project_root(path: Path) -> Path:
    """The folder of the project that a file belongs to: its repository's, else the nearest with a project file, else
    that of all files: a path that says nothing of a project is told whole."""
    for folder in path.parents:
        if (folder / ".git").exists():
            return folder
    for folder in path.parents:
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    return Path("/")


def _defined_in(workflow: Workflow[..., object]) -> Path | None:
    try:
        found = inspect.getsourcefile(workflow.function)
    except TypeError:
        return None
    return None if found is None else Path(found).resolve()


def _code(workflow: Workflow[..., object]) -> str:
    """The hashes of its tasks' code, as a rule one."""
    return " ".join(sorted({code_hash_of(task) for task in workflow.tasks.values()}))


def _check_names(found: Definitions, known: dict[str, Workflow[..., object]], target: str) -> None:
    for name, workflow in found.workflows.items():
        other = known.get(name)
        if other is not None and other is not workflow:
            raise DefinitionError(
                f"two workflows have the name {name!r}",
                where=target,
                found=f"another one in {_defined_in(other)}",
                expected="one workflow with a name",
                fix="Rename one of them, or give it another `name=`.",
            )
