"""The parts of `docs/protocol.md` that are made from the contract.

`python -m tests.wire.documentation` renews them.
"""

import re
from pathlib import Path

from headrace_protocol.errors import ERROR_TABLE
from headrace_protocol.json_schema import Schema, components
from headrace_protocol.schemas import MESSAGE_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
WORDS = {"array": "list", "object": "map"}


def section(text: str, kind: str, name: str) -> str:
    """What stands between the markers `<!-- kind: name -->` and `<!-- end: name -->`."""
    found = re.search(rf"<!-- {kind}: {name} -->\n(.*?)<!-- end: {name} -->", text, re.DOTALL)
    if found is None:
        raise LookupError(f"docs/protocol.md has no section {name}")
    return found.group(1)


def renewed(text: str) -> str:
    """The page with its generated sections made anew."""
    for name, content in (("messages", messages()), ("errors", errors())):
        section(text, "generated", name)
        start, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        head, _, rest = text.partition(start)
        text = head + start + content + end + rest.partition(end)[2]
    return text


def messages() -> str:
    """A table of fields for each message, then for what they are made of."""
    schemas = components(MESSAGE_TYPES, "#")
    first = [kind.__name__ for kind in MESSAGE_TYPES]
    ordered = [*first, *(name for name in schemas if name not in first)]
    return "\n".join(_described(name, schemas[name]) for name in ordered)


def errors() -> str:
    rows = [f"| `{code}` | {entry.meaning} | {entry.remedy} |" for code, entry in ERROR_TABLE.items()]
    return "\n".join(["| Code | Meaning | What to do |", "|---|---|---|", *rows]) + "\n"


def _described(name: str, schema: Schema) -> str:
    doc = _one_line(schema["description"])
    if "enum" in schema:
        return f"### {name}\n\n{doc} One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    rows = [
        f"| {_field(field, field in schema['required'])} | {_kind(of)} | {_meaning(of)} |"
        for field, of in schema["properties"].items()
    ]
    table = ["| Field | Type | Meaning |", "|---|---|---|", *rows] if rows else ["It has no fields."]
    return "\n".join([f"### {name}\n", f"{doc}\n", *table]) + "\n"


def _field(name: str, required: bool) -> str:
    return f"`{name}`" if required else f"*`{name}`*"


def _kind(schema: Schema) -> str:
    """A schema as a reader says it."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#")
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(member) for member in schema["anyOf"] if member != {"type": "null"})
    if "const" in schema:
        return f"`{schema['const']}`"
    inner = schema.get("items") or schema.get("additionalProperties")
    kind = WORDS.get(schema.get("type", "any"), schema.get("type", "any"))
    return f"{kind} of {_kind(inner)}" if inner else kind


def _meaning(schema: Schema) -> str:
    return _one_line(schema.get("description", ""))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
