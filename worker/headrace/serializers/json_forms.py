"""JSON Schemas of declared types, also of those that msgspec cannot describe."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import product
from typing import Any, get_args, is_typeddict

import msgspec
from msgspec import inspect as types

from headrace.authoring.typeforms import class_of, members, plain, type_name
from headrace.serializers.forms import is_native
from headrace.serializers.hooks import schema_hook
from headrace.serializers.records import keys_of, record_fields
from headrace.serializers.registry import serializer_for
from headrace_protocol.definition import JsonSchema

REFERENCE = "#/$defs/{name}"


def schemas_of(forms: Sequence[object]) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """A schema for each form, and the `$defs` they share; raises TypeError for a form that is no data."""
    known: list[Any] = [Any if form is object else form for form in forms]
    native = [form for form in known if is_native(form)]
    described, shared = msgspec.json.schema_components(
        native, schema_hook=schema_hook, ref_template=REFERENCE
    )
    builder = _Builder(dict(shared))
    native_schemas = iter(described)
    schemas = [next(native_schemas) if is_native(form) else builder.of(form) for form in known]
    for form, schema in zip(known, schemas, strict=True):
        if is_native(form):
            _Times(builder.shared).mark(types.type_info(form), schema)
    return [_hoisted(schema, builder.shared) for schema in schemas], _all_hoisted(builder.shared)


class _Times:
    """Gives datetimes and times of day the format that msgspec leaves out where a time zone is not asked for."""

    def __init__(self, shared: dict[str, JsonSchema]) -> None:
        self._shared = shared
        self._seen: set[str] = set()

    def mark(self, info: types.Type, schema: object) -> None:
        if not isinstance(schema, dict):
            return
        match info:
            case types.DateTimeType() | types.TimeType():
                if schema.get("type") == "string":
                    schema.setdefault("format", "time" if isinstance(info, types.TimeType) else "date-time")
            case types.Metadata(type=inner):
                self.mark(inner, schema)
            case types.UnionType(types=members_):
                for member, branch in product(members_, schema.get("anyOf", ())):
                    self.mark(member, branch)
            case types.DictType(value_type=value):
                self.mark(value, schema.get("additionalProperties"))
            case types.TupleType(item_types=items):
                for item, place in zip(items, schema.get("prefixItems", ()), strict=False):
                    self.mark(item, place)
            case types.ListType() | types.SetType() | types.FrozenSetType() | types.VarTupleType():
                self.mark(info.item_type, schema.get("items"))
            case types.StructType() | types.DataclassType() | types.TypedDictType() | types.NamedTupleType():
                self._fields(info, str(schema.get("$ref", "")).rpartition("/")[2])
            case _:
                return

    def _fields(self, info: _Fields, name: str) -> None:
        schema = self._shared.get(name)
        if schema is None or name in self._seen:
            return
        self._seen.add(name)
        properties, places = schema.get("properties", {}), schema.get("prefixItems", ())
        for index, field in enumerate(info.fields):
            if isinstance(properties, dict) and field.encode_name in properties:
                self.mark(field.type, properties[field.encode_name])
            elif isinstance(places, list | tuple) and index < len(places):
                self.mark(field.type, places[index])


_Fields = types.StructType | types.DataclassType | types.TypedDictType | types.NamedTupleType


def _all_hoisted(shared: dict[str, JsonSchema]) -> dict[str, JsonSchema]:
    for name in list(shared):
        shared[name] = _hoisted(shared[name], shared)
    return dict(sorted(shared.items()))


def _hoisted(schema: JsonSchema, shared: dict[str, JsonSchema]) -> JsonSchema:
    """The schema with the `$defs` of serializers' own schemas moved to where references look for them."""
    made: JsonSchema = {}
    for key, part in schema.items():
        if key == "$defs" and isinstance(part, dict):
            for name, inner in part.items():
                if name not in shared:
                    shared[name] = {}
                    shared[name] = _hoisted(inner, shared)
        elif isinstance(part, dict):
            made[key] = _hoisted(part, shared)
        elif isinstance(part, list):
            made[key] = [_hoisted(one, shared) if isinstance(one, dict) else one for one in part]
        else:
            made[key] = part
    return made


def inline_schema(form: object) -> JsonSchema:
    """The schema without references: what it cannot say inline, it leaves out."""
    (schema,), shared = schemas_of([form])
    return {"type": schema["type"]} if shared and "type" in schema else {} if shared else schema


def read_as(source: object, target: object) -> object | None:
    """The member of a union that would be read from a value whose producer declares only `source`; None: itself.

    A producer that declares the union marks its values where that is needed; one that declares a member does not.
    """
    union = members(target)
    if len(union) < 2 or len(members(source)) > 1 or is_native(plain(target)):
        return None
    written = _written(source)
    for member in union:
        if plain(member) == plain(source):
            return None
        if written is not None and written == _written(member) and _reads_all(source, member):
            return member
    return None


def _written(form: object) -> object:
    """What a value looks like when it is encoded, as far as a reader can tell; None where anything is possible."""
    serializer = serializer_for(plain(form))
    if serializer is not None and serializer.tag:
        return serializer.tag
    if keys_of(form) is not None:
        return "object"
    (schema,), _ = schemas_of([form])
    return schema.get("contentEncoding") or schema.get("type")


def _reads_all(source: object, member: object) -> bool:
    """Whether the member knows every key that the source has."""
    keys, known = keys_of(source), keys_of(member)
    return keys is None or known is None or known >= keys


class _Builder:
    def __init__(self, shared: dict[str, JsonSchema]) -> None:
        self.shared = shared

    def of(self, form: object) -> JsonSchema:
        if is_native(form):
            known: Any = Any if form is object else form
            (schema,), found = msgspec.json.schema_components(
                [known], schema_hook=schema_hook, ref_template=REFERENCE
            )
            self.shared.update(found)
            _Times(self.shared).mark(types.type_info(known), schema)
            return schema
        bare = plain(form)
        parts = members(bare)
        if len(parts) > 1:
            return {"anyOf": [self.of(part) for part in parts]}
        origin, given = class_of(bare), get_args(bare)
        if origin is None:
            raise TypeError(f"{type_name(form)} is no data")
        if issubclass(origin, enum.Enum):
            return {"title": origin.__name__, "enum": [member.value for member in origin]}
        if record_fields(bare) is not None:
            return self._record(bare, origin)
        if given and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(given[-1])}
        if origin is tuple and given and given[-1] is not Ellipsis:
            places = [self.of(part) for part in given]
            size = {"minItems": len(places), "maxItems": len(places)}
            return {"type": "array", "prefixItems": places, "items": False, **size}
        if given and issubclass(origin, Iterable):
            unique = {"uniqueItems": True} if issubclass(origin, Set) else {}
            return {"type": "array", "items": self.of(given[0]), **unique}
        raise TypeError(f"{type_name(form)} is no data")

    def _record(self, form: object, origin: type) -> JsonSchema:
        name = type_name(form).replace("[", "_").replace("]", "_").replace(", ", "_").replace(" | ", "_or_")
        reference: JsonSchema = {"$ref": REFERENCE.format(name=name)}
        if name in self.shared:
            return reference
        self.shared[name] = {}  # a type may hold itself
        fields = record_fields(form) or {}
        config = getattr(origin, "__struct_config__", None)
        if (issubclass(origin, tuple) or (config is not None and config.array_like)) and not is_typeddict(
            origin
        ):
            self.shared[name] = {
                "title": type_name(form),
                "type": "array",
                "prefixItems": [self.of(inner) for _, inner in fields.values()],
            }
            return reference
        properties = {one.written: self.of(inner) for one, inner in fields.values()}
        if config is not None and config.tag is not None:
            properties[config.tag_field or "type"] = {"const": config.tag}
        self.shared[name] = {
            "title": type_name(form),
            "type": "object",
            "properties": properties,
            "required": [one.written for one, _ in fields.values() if one.required],
        }
        return reference
