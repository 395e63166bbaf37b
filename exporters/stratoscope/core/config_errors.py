"""What is wrong with a value from YAML: msgspec's message in an operator's words, with the path of keys.

msgspec's own path has `[...]` for each key of a mapping. So the path is that of the innermost part which
msgspec refuses when it is given that part alone.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

_FIELD: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`\Z", re.DOTALL)
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`(.*?)(, got `[^`]+`)?\Z")
_OF_FIELD: Final = re.compile(r"(\w+): (.*)\Z", re.DOTALL)
_OF_KEY: Final = " - at `key` in `$`"
_WORDS: Final = {
    "object": "a mapping",
    "dict": "a mapping",
    "array": "a list",
    "list": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "NoneType": "nothing",
}
"""For the names of types: msgspec's, and Python's of what YAML gives."""
LONGEST_SHOWN: Final = 80

Refusal = tuple[str, str]
"""The path as `.key[0].key`, and the problem with what is allowed there."""


def refusal(kind: object, value: Any, message: str, convert: Callable[[Any, Any], object]) -> Refusal:
    """Where a value from YAML is wrong, and how; `message` is msgspec's, whose error `convert` raises."""
    if message.endswith(_OF_KEY):
        key = next(key for key in value if not isinstance(key, str))
        return "", not_text(key)
    example, kind = _example(kind), _bare(kind, value)
    for step, of_part, part in _parts(kind, value):
        try:
            convert(part, of_part)
        except msgspec.ValidationError as error:
            path, problem = refusal(of_part, part, str(error), convert)
            return f"{step}{path}", problem
    path, problem = _explained(kind, value, message)
    return path, f"{problem}{example}"


def got(value: object) -> str:
    """What a value from YAML is, in words: not its text, which may be a secret."""
    return "a boolean" if isinstance(value, bool) else _WORDS.get(type(value).__name__, "something else")


def _explained(kind: object, value: Any, message: str) -> Refusal:
    fields = _fields(kind)
    if field := _FIELD.match(message):
        is_missing = field[1] == "missing required"
        missing = f"missing{_example(fields.get(field[2]))}"
        return f".{field[2]}", missing if is_missing else f"unknown key; allowed: {', '.join(fields)}"
    if choices := _choices(kind):
        is_text = isinstance(value, str)
        what = f"unknown: {value[:LONGEST_SHOWN]}" if is_text else f"expected a text, got {got(value)}"
        return "", f"{what}; allowed: {', '.join(str(one) for one in choices if one != '')}"
    if (of_field := _OF_FIELD.match(message)) and of_field[1] in fields:  # from a __post_init__
        return f".{of_field[1]}", of_field[2]
    if expected := _EXPECTED.match(message):
        allowed = f"; allowed: {', '.join(fields)}" if fields else ""
        return "", f"{_expected(value, *expected.groups())}{allowed}"
    is_moment = kind is dt.datetime and isinstance(value, str)
    return "", "no date with a time; allowed: such as 2026-12-01T22:00:00" if is_moment else message


def _example(kind: object) -> str:
    """What is allowed, if the type has an example in the words of YAML."""
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return "".join(f"; allowed: such as {meta.examples[0]}" for meta in metas if meta.examples)


def _choices(kind: object) -> Sequence[object]:
    """The values that are allowed, if they are named."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return [*map(str, kind)] if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def not_text(key: object) -> str:
    """What is wrong with a key of a mapping that is no text."""
    return f"a key must be a text, got {_shown(key)}; quotes make it one"


def _shown(key: object) -> str:
    """A key that is no text, with what it was written as where YAML has several words for it."""
    words = {True: "true (or yes, on)", False: "false (or no, off)", None: "null"}
    return words[key] if key is None or isinstance(key, bool) else str(key)


def _expected(value: object, types: str, bound: str, is_other: str | None) -> str:
    words = [_WORDS.get(name, name) for name in types.split(" | ") if name != "null"]
    text = f"expected {' or '.join(words)}{bound}"
    is_number = isinstance(value, int | float)
    if is_other is None:
        return f"{text}, got {value}" if is_number else text
    quotes = "; quotes make it a text" if "a text" in words and is_number else ""
    return f"{text}, got {got(value)}{quotes}"


def _bare(kind: object, value: Any) -> object:
    """A type without Annotated; of a union, the part that the value is meant for."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (UnionType, Union):
        return kind
    kinds = [_bare(one, value) for one in get_args(kind) if one is not NoneType]
    return next((one for one in kinds if _is_meant(one, value)), kinds[0])


def _is_meant(kind: object, value: Any) -> bool:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        return config.tag_field is None or value.get(config.tag_field) == config.tag
    return get_origin(kind) is type(value)


def _fields(kind: object) -> dict[str, object]:
    """The type of each key of a mapping with known keys; of none for what is no such mapping."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _parts(kind: object, value: Any) -> Sequence[tuple[str, object, Any]]:
    """What is right below: the step there, the type it should have, and the value."""
    kinds = [one for one in get_args(kind) if one is not Ellipsis]
    if isinstance(value, dict):
        fields = _fields(kind) or (dict.fromkeys(value, kinds[1]) if get_origin(kind) is dict else {})
        return [(f".{key}", fields[key], part) for key, part in value.items() if key in fields]
    if isinstance(value, list) and get_origin(kind) in (list, tuple):
        return [(f"[{n}]", kinds[min(n, len(kinds) - 1)], part) for n, part in enumerate(value)]
    return ()
