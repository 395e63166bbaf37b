"""What is wrong with a value from YAML: msgspec's message in an operator's words, with the path of keys."""

import re
from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

_AT: Final = re.compile(r" - at `\$(.*)`\Z")
_AT_KEY: Final = re.compile(r" - at `key` in `\$(.*)`\Z")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`\Z")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`(.*?)(?:, got `([^`]+)`)?\Z")
_OF_FIELD: Final = re.compile(r"(\w+): (.*)\Z", re.DOTALL)
_WORDS: Final = {
    "object": "a mapping",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}
_LONGEST_SHOWN: Final = 80
_OF_YAML: Final = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number", float: "a number"}

Hook = Callable[[type, Any], object]
Refusal = tuple[str, str]
"""The path as `.key[0].key`, and the problem with what is allowed there."""


def refusal(kind: object, value: Any, message: str, *, dec_hook: Hook) -> Refusal:
    """Where a value is wrong, and how.

    Args:
        kind: The type that it could not be converted to.
        value: As YAML gave it.
        message: What msgspec said of it.
        dec_hook: What msgspec was given.
    """
    problem, steps, of_key = _taken_apart(message)
    path = ""
    for field, index in steps:
        kind = _bare(kind, value)
        if index == "...":
            return _in_mapping(kind, value, path, dec_hook)
        if field:
            kind, value, path = _fields(kind)[field], value[field], f"{path}.{field}"
        else:
            kind, value, path = _item(kind, int(index)), value[int(index)], f"{path}[{index}]"
    if of_key:
        key = next(key for key in value if not isinstance(key, str))
        return path, f"a key must be a text, got {_shown(key)}; quotes make it one"
    return _explained(_bare(kind, value), value, problem, path)


def got(value: object) -> str:
    """What a value from YAML is, in words: not its text, which may be a secret."""
    if isinstance(value, bool):
        return "a boolean"
    return "nothing" if value is None else _OF_YAML.get(type(value), "something else")


def _shown(key: object) -> str:
    """A key that is no text, with what it was written as where YAML has several words for it."""
    words = {True: "true (or yes, on)", False: "false (or no, off)", None: "null"}
    return words[key] if key is None or isinstance(key, bool) else str(key)


def _taken_apart(message: str) -> tuple[str, Sequence[tuple[str, str]], bool]:
    """The problem, the steps to where it is, and whether it is with a key there."""
    if of_key := _AT_KEY.search(message):
        return "", _STEP.findall(of_key[1]), True
    at = _AT.search(message)
    return (message[: at.start()], _STEP.findall(at[1]), False) if at else (message, (), False)


def _in_mapping(kind: object, mapping: dict[str, Any], path: str, dec_hook: Hook) -> Refusal:
    """The refusal of the first item that cannot be converted: msgspec does not say which one it is."""
    of_values = get_args(kind)[1]
    said = ((key, _said(of_values, value, dec_hook)) for key, value in mapping.items())
    key, message = next((key, message) for key, message in said if message)
    below, what = refusal(of_values, mapping[key], message, dec_hook=dec_hook)
    return f"{path}.{key}{below}", what


def _said(kind: Any, value: Any, dec_hook: Hook) -> str:
    """What msgspec says of a value; nothing if it can be converted."""
    try:
        msgspec.convert(value, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _explained(kind: object, value: Any, problem: str, path: str) -> Refusal:
    fields = _fields(kind)
    if unknown := _UNKNOWN.match(problem):
        return f"{path}.{unknown[1]}", f"unknown key; allowed: {', '.join(fields)}"
    if missing := _MISSING.match(problem):
        return f"{path}.{missing[1]}", "missing"
    if get_origin(kind) is Literal:
        what = (
            f"unknown: {value[:_LONGEST_SHOWN]}"
            if isinstance(value, str)
            else f"expected a text, got {got(value)}"
        )
        return path, f"{what}; allowed: {', '.join(str(one) for one in get_args(kind) if one != '')}"
    if (of_field := _OF_FIELD.match(problem)) and of_field[1] in fields:  # from a __post_init__
        return f"{path}.{of_field[1]}", of_field[2]
    if expected := _EXPECTED.match(problem):
        problem = _expected(expected[1], expected[2], expected[3], value)
        if fields:
            problem += f"; allowed: {', '.join(fields)}"
    return path, problem


def _expected(types: str, bound: str, named: str | None, value: object) -> str:
    words = [_WORDS.get(name, name) for name in types.split(" | ") if name != "null"]
    text = f"expected {' or '.join(words)}{bound}"
    if named is None:
        return f"{text}, got {value}" if isinstance(value, int | float) else text
    quotes = "; quotes make it a text" if "a text" in words and named in ("int", "float", "bool") else ""
    given = "a boolean" if named == "bool" else _WORDS.get(named, named)
    return f"{text}, got {given}{quotes}"


def _bare(kind: object, value: Any) -> object:
    """A type without Annotated; of a union, the part that the value is meant for."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (UnionType, Union):
        return kind
    kinds = [_bare(one, value) for one in get_args(kind) if one is not NoneType]
    return next((one for one in kinds if _is_meant(one, value)), kinds[0])


def _is_meant(kind: object, value: Any) -> bool:
    if isinstance(value, list):
        return get_origin(kind) is list
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        return config.tag_field is None or value.get(config.tag_field) == config.tag
    return isinstance(value, dict) and get_origin(kind) is dict


def _fields(kind: object) -> dict[str, object]:
    """The type of each key of a mapping with known keys; of none for what is no such mapping."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _item(kind: object, number: int) -> object:
    """The type of an item of a list or tuple."""
    kinds = [one for one in get_args(kind) if one is not Ellipsis]
    return kinds[min(number, len(kinds) - 1)]
