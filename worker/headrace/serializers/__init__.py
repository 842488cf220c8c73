"""Values of all kinds on the wire.

Plain data is msgpack. A type that msgpack has no form for has a *serializer* (`port`), found by the class of the value
or of the annotation (`registry`); those for numpy, pandas, polars, pyarrow and pydantic are here and loaded when one
of their types is met, those for types of your own are registered with `register_serializer`. `hooks` joins them to
msgspec, `forms` does what msgspec refuses, `json_forms` describes it, and `values` is what a worker reads and writes.
Nothing here ever unpickles.
"""

from headrace.serializers.port import Serializer
from headrace.serializers.registry import register_serializer

__all__ = ["Serializer", "register_serializer"]
