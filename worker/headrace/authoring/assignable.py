"""May a value of one type be passed where another is expected?

The rules are those of a static type checker, with two differences that come from values being copied between
tasks, and decoded strictly: containers are covariant whether mutable or not (`list[int]` fits `list[float]`),
and what strict decoding refuses does not fit (`bool` for `int`, `datetime` for `date`).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    Never,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from headrace.authoring.typeforms import arguments_as, class_of, members, plain, substitute

_WIDENED: dict[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
_REFUSED_BY_DECODING = {(bool, int), (bool, float), (bool, complex), (datetime.datetime, datetime.date)}


def assignable(source: object, target: object) -> bool:
    """Whether a value of type `source` fits a parameter of type `target`."""
    source, target = plain(source), plain(target)
    if _fits_anything(source, target) or source == target:
        return True
    sources, targets = members(source), members(target)
    if len(sources) > 1:
        return all(assignable(member, target) for member in sources)
    if get_origin(source) is Literal:
        return _literal_assignable(source, targets)
    if len(targets) > 1:
        return any(assignable(source, member) for member in targets)
    if isinstance(source, NewType):
        return assignable(source.__supertype__, target)
    if get_origin(target) is Literal or isinstance(target, NewType):
        return False
    if is_typeddict(class_of(source)) or is_typeddict(class_of(target)):
        return _typed_dict_assignable(source, target)
    return _class_assignable(source, target)


def _fits_anything(source: object, target: object) -> bool:
    if target in {Any, object} or source in {Any, Never, NoReturn}:
        return True
    return isinstance(target, TypeVar) or isinstance(source, TypeVar)


def _literal_assignable(source: object, targets: tuple[object, ...]) -> bool:
    """Each value on its own: 1 is not True, and values of one Literal may fit different members."""
    listed = [form for form in targets if get_origin(form) is Literal]
    allowed = {(type(value), value) for form in listed for value in get_args(form)}
    classes = [form for form in targets if form not in listed]
    return all(
        (type(value), value) in allowed or any(assignable(type(value), form) for form in classes)
        for value in get_args(source)
    )


def _class_assignable(source: object, target: object) -> bool:
    source_class, target_class = class_of(source), class_of(target)
    if source_class is None or target_class is None:
        return False
    if (source_class, target_class) in _REFUSED_BY_DECODING:
        return False
    if source_class in _WIDENED.get(target_class, ()):
        return True
    scalar = _python_scalar(source_class)
    if scalar is not None and not _is_subclass(source_class, target_class):
        return assignable(scalar, target)
    if not _is_subclass(source_class, target_class):
        return False
    if source_class is tuple and target_class is tuple:
        return _tuple_assignable(get_args(source), get_args(target))
    wanted = get_args(target)
    given = arguments_as(source, target_class) if wanted else ()
    if not given:
        return True
    return len(given) == len(wanted) and all(map(assignable, given, wanted))


def _python_scalar(kind: type) -> type | None:
    """What a scalar of numpy is when it has travelled: an int, a float or a bool."""
    if kind.__module__ != "numpy":
        return None
    import numpy as np

    if not issubclass(kind, np.generic) or issubclass(kind, np.timedelta64):
        return None
    pairs: tuple[tuple[type, type], ...] = ((np.bool_, bool), (np.integer, int), (np.floating, float))
    return next((plain_kind for scalar, plain_kind in pairs if issubclass(kind, scalar)), None)


def _is_subclass(source: type, target: type) -> bool:
    try:
        return issubclass(source, target)
    except TypeError:  # a protocol with attributes cannot be asked
        return False


def _tuple_assignable(source: tuple[object, ...], target: tuple[object, ...]) -> bool:
    if not source or not target:
        return True
    if target[-1] is Ellipsis:
        return all(assignable(part, target[0]) for part in source if part is not Ellipsis)
    if source[-1] is Ellipsis:
        return False
    return len(source) == len(target) and all(map(assignable, source, target))


def _typed_dict_assignable(source: object, target: object) -> bool:
    source_class, target_class = class_of(source), class_of(target)
    if source_class is None or target_class is None:
        return False
    if not is_typeddict(source_class):
        return False
    fields = typed_dict_fields(source)
    if is_typeddict(target_class):
        return required_keys(target_class) <= required_keys(source_class) and all(
            name in fields and assignable(fields[name], form)
            for name, form in typed_dict_fields(target).items()
        )
    if not issubclass(target_class, Mapping):
        return issubclass(dict, target_class) and not get_args(target)
    key, value = get_args(target) or (Any, Any)
    return assignable(str, key) and all(assignable(form, value) for form in fields.values())


def required_keys(typed_dict: type) -> frozenset[str]:
    """The keys that a TypedDict must have.

    `__required_keys__` misses `NotRequired` where annotations are strings: the hints have the last word.
    """
    keys: set[str] = set(getattr(typed_dict, "__required_keys__", ()))
    for name, hint in get_type_hints(typed_dict, include_extras=True).items():
        markers = {get_origin(hint), *map(get_origin, get_args(hint))}
        if NotRequired in markers:
            keys.discard(name)
        elif Required in markers:
            keys.add(name)
    return frozenset(keys)


def typed_dict_fields(form: object) -> dict[str, object]:
    """The keys of a TypedDict and their types, its type arguments filled in."""
    origin = class_of(form)
    filled = dict(zip(getattr(origin, "__parameters__", ()), get_args(form), strict=False))
    return {name: substitute(hint, filled) for name, hint in get_type_hints(origin).items()}
