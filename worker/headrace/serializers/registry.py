"""Which serializer a type has.

Looked up along the type's bases, so that a subclass has its parent's. Modules for other packages are loaded when a
type of that package is met for the first time: a program that uses none of them imports none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TypeVar, cast, get_origin

from headrace.serializers.port import Serializer
from headrace_protocol import tagged
from headrace_protocol.errors import DefinitionError

T = TypeVar("T")
AnySerializer = Serializer[object]

_OF_PACKAGE = {
    "builtins": "headrace.serializers.plain",
    "numpy": "headrace.serializers.numpy_values",
    "pandas": "headrace.serializers.pandas_frames",
    "polars": "headrace.serializers.polars_frames",
    "pyarrow": "headrace.serializers.arrow_tables",
    "pydantic": "headrace.serializers.pydantic_models",
}
"""By the root package of a class, or of one of its bases."""
_OF_TAG = {"npy": "numpy", "arrow": "pyarrow", "pandas": "pandas", "polars": "polars"}
"""The package that a value of a tag needs, by the tag's first word."""

_by_type: dict[type, AnySerializer] = {}
_by_tag: dict[str, AnySerializer] = {}
_found: dict[type, AnySerializer | None] = {}
"""What was looked up, and below what is asked of it for each value."""
_tagged: set[type] = set()
_previewed: dict[type, AnySerializer] = {}
_loaded: set[str] = set()


def register_serializer(kind: type[T], serializer: Serializer[T], *, replace: bool = False) -> None:
    """Let tasks take and return values of `kind` and its subclasses.

    Call it where the type is defined: in every process that has the type, before a task that names it is decorated.
    Raises DefinitionError when the type or the tag has a serializer, unless `replace`.
    """
    if not replace and (kind in _by_type or (serializer.tag and serializer.tag in _by_tag)):
        raise DefinitionError(
            "a serializer is registered twice",
            where=f"register_serializer({kind.__qualname__})",
            found=f"{_by_type.get(kind) or _by_tag.get(serializer.tag)!r}",
            expected="one serializer for a type and for a tag",
            fix="Register it once, choose another tag, or say replace=True.",
        )
    if serializer.tag in tagged.KINDS:
        raise DefinitionError(
            "the tag belongs to the protocol",
            where=f"register_serializer({kind.__qualname__})",
            found=serializer.tag,
            expected=f"a tag of your own, not one of {', '.join(tagged.KINDS)}",
            fix='Choose one with a dot in it, such as "shop.money".',
        )
    install(serializer, (kind,))


def install(serializer: Serializer[T], kinds: Iterable[type[T]]) -> None:
    """Register without asking."""
    # A serializer is only ever given values of the types that it was registered for.
    known = cast(AnySerializer, serializer)
    for kind in kinds:
        _by_type[kind] = known
    if serializer.tag:
        _by_tag[serializer.tag] = known
    for cache in (_found, _previewed, _tagged):
        cache.clear()


def serializer_of(kind: type) -> AnySerializer | None:
    """The serializer of a class, or None."""
    try:
        return _found[kind]
    except KeyError:
        pass
    for base in kind.__mro__:
        _load(base.__module__.partition(".")[0])
    found = next((known for base in kind.__mro__ if (known := _by_type.get(base)) is not None), None)
    _found[kind] = found
    if found is not None and found.tag:
        _tagged.add(kind)
    if found is not None and type(found).preview is not Serializer.preview:
        _previewed[kind] = found
    return found


def is_tagged(kind: type) -> bool:
    """Whether values of a class are written in a tagged form."""
    if kind not in _found:
        serializer_of(kind)
    return kind in _tagged


def previewed(kind: type) -> AnySerializer | None:
    """The serializer of a class whose values have previews."""
    if kind not in _found:
        serializer_of(kind)
    return _previewed.get(kind)


def serializer_for(form: object) -> AnySerializer | None:
    """The serializer of a declared type, with or without arguments."""
    origin = get_origin(form) or form
    return serializer_of(origin) if isinstance(origin, type) else None


def reader(kind: str) -> tagged.Read | None:
    """How to read a tagged form: of the protocol's kinds, or of a serializer's; None where nobody knows the kind."""
    known = tagged.KINDS.get(kind)
    if known is not None:
        return known
    serializer = _of_tag(kind)
    return None if serializer is None else lambda data: decoded(serializer, data, None)


def decoded(serializer: AnySerializer, data: object, form: object) -> object:
    """What a serializer makes of data. Whatever it raises for data that is none is a ValueError or TypeError."""
    try:
        return serializer.decode(data, form)
    except (ValueError, TypeError):
        raise
    except Exception as error:  # a user's code, or a package that meets bytes of somebody else
        raise ValueError(f"the data cannot be read ({type(error).__name__}: {error})") from error


def _of_tag(kind: str) -> AnySerializer | None:
    if kind not in _by_tag:
        _load(_OF_TAG.get(kind.partition(".")[0], ""))
    return _by_tag.get(kind)


def _load(package: str) -> None:
    """Import the serializers for a package, once; without the package there is nothing to register."""
    module = _OF_PACKAGE.get(package)
    if module is None or module in _loaded:
        return
    _loaded.add(module)
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
