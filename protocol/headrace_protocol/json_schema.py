"""JSON Schemas (draft 2020-12, within what draft 7 can say) of the Structs of the contract.

msgspec's own generator stops at a field whose default is `msgspec.Raw`, and leaves out what is written below
fields; this one covers the types that the contract uses and refuses any other.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from itertools import pairwise

import msgspec
from msgspec import inspect as types

Schema = dict[str, object]

_SIMPLE: dict[type[types.Type], str] = {
    types.NoneType: "null",
    types.BoolType: "boolean",
    types.IntType: "integer",
    types.FloatType: "number",
    types.StrType: "string",
}


def components(kinds: tuple[type[msgspec.Struct], ...], ref_prefix: str) -> dict[str, Schema]:
    """The schema of each Struct and enum that the types reach, by name; `ref_prefix` starts references."""
    found: dict[str, Schema] = {}
    for kind in kinds:
        _collect(types.type_info(kind), ref_prefix, found)
    return dict(sorted(found.items()))


def _collect(kind: types.Type, ref_prefix: str, found: dict[str, Schema]) -> None:
    match kind:
        case types.StructType(cls=cls, fields=fields) if cls.__name__ not in found:
            found[cls.__name__] = _struct(kind, ref_prefix)
            for field in fields:
                _collect(field.type, ref_prefix, found)
        case types.EnumType(cls=cls):
            found[cls.__name__] = {
                "title": cls.__name__,
                "description": inspect.cleandoc(cls.__doc__ or ""),
                "enum": [member.value for member in cls],
            }
        case types.UnionType(types=members):
            for member in members:
                _collect(member, ref_prefix, found)
        case types.VarTupleType(item_type=item) | types.DictType(value_type=item):
            _collect(item, ref_prefix, found)
        case _:
            return


def _struct(kind: types.StructType, ref_prefix: str) -> Schema:
    docs = field_docs(kind.cls)
    properties: dict[str, Schema] = {}
    required = [field.encode_name for field in kind.fields if field.required]
    if kind.tag_field is not None:
        properties[kind.tag_field] = {"const": kind.tag}
        required.insert(0, kind.tag_field)
    for field in kind.fields:
        schema = dict(_schema(field.type, ref_prefix))
        if doc := docs.get(field.name):
            schema["description"] = doc
        default = field.default_factory() if callable(field.default_factory) else field.default
        if default is not msgspec.NODEFAULT and not isinstance(default, msgspec.Raw):
            schema["default"] = msgspec.json.decode(msgspec.json.encode(default))
        properties[field.encode_name] = schema
    return {
        "title": kind.cls.__name__,
        "description": inspect.cleandoc(kind.cls.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _schema(kind: types.Type, ref_prefix: str) -> Schema:
    match kind:
        case types.AnyType() | types.RawType() | types.CustomType(cls=builtins.object):
            return {}
        case types.StructType(cls=cls) | types.EnumType(cls=cls):
            return {"$ref": ref_prefix + cls.__name__}
        case types.UnionType(types=members):
            return {"anyOf": [_schema(member, ref_prefix) for member in members]}
        case types.VarTupleType(item_type=item):
            return {"type": "array", "items": _schema(item, ref_prefix)}
        case types.DictType(value_type=value):
            return {"type": "object", "additionalProperties": _schema(value, ref_prefix)}
        case _ if type(kind) in _SIMPLE:
            return {"type": _SIMPLE[type(kind)]}
        case _:
            raise TypeError(f"no JSON Schema for {kind!r}")


def field_docs(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What is written below the fields of a Struct, by field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    docs: dict[str, str] = {}
    for statement, after in pairwise(statements):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = inspect.cleandoc(text)
            case _:
                continue
    return docs
