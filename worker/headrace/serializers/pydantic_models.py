"""pydantic models: an object of their fields, by the fields' own names, validated when it is read."""

from __future__ import annotations

from typing import cast, get_origin

import pydantic

from headrace.serializers.port import Serializer
from headrace.serializers.registry import install
from headrace_protocol import tagged
from headrace_protocol.definition import JsonSchema


class Models(Serializer[pydantic.BaseModel]):
    """Models, generic ones and root models too. What a field holds is sent like any other value."""

    def encode(self, value: pydantic.BaseModel) -> object:
        return value.model_dump(mode="python", round_trip=True)

    def decode(self, data: object, form: object) -> pydantic.BaseModel:
        kind = cast(type[pydantic.BaseModel], get_origin(form) or form)
        if isinstance(data, kind):
            return data
        try:
            if kind.model_config.get(
                "strict"
            ):  # in JSON, also a strict model takes texts for dates and the like
                import msgspec

                text = msgspec.json.encode(tagged.for_json(data))
                return kind.model_validate_json(text, by_alias=True, by_name=True)
            return kind.model_validate(data, by_alias=True, by_name=True)
        except pydantic.ValidationError as error:
            raise ValueError(
                "; ".join(_line(one["loc"], one["msg"], one["input"]) for one in error.errors())
            ) from None

    def schema(self, form: object) -> JsonSchema:
        kind = cast(type[pydantic.BaseModel], get_origin(form) or form)
        return kind.model_json_schema(by_alias=False)


def _line(place: tuple[int | str, ...], message: str, found: object) -> str:
    shown = repr(found)
    where = ".".join(str(step) for step in place)
    return (
        f"{where + ': ' if where else ''}{message}, got {shown if len(shown) <= 60 else shown[:57] + '...'}"
    )


install(Models(), (pydantic.BaseModel,))
