"""Reads JSON of which nothing is certain: what has not the shape that was hoped for is empty."""

from __future__ import annotations

from typing import Any

import orjson

Json = dict[str, Any]

MAX_COUNT = 2**31 - 1


def mapping(value: object) -> Json:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """`value` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def mappings(value: object) -> list[Json]:
    """The objects of an array."""
    return [item for item in sequence(value) if isinstance(item, dict)]


def text(value: object) -> str | None:
    """`value` if it is a text with anything in it."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """A count that can be true: a whole number from 0 to 2**31 - 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def flag(value: object) -> bool | None:
    """`value` if it is true or false."""
    return value if isinstance(value, bool) else None


def plain_text(content: object) -> str:
    """The text of a message's content: a text, or an array of parts of which some have one."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    return "" if content is None else as_json(content)


def _part(part: object) -> str:
    return part if isinstance(part, str) else text(mapping(part).get("text")) or ""


def as_json(value: object) -> str:
    """`value` as JSON text; empty where it is nested too deeply to be written again."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""
