"""Decodes an item field by field, if it cannot be decoded at once.

An optional field has a default. It gets the default if its value is null and the default is not a number, or
if its value is malformed and the default means unknown (None or ""). Any other default (a size of 0) would be
an invented value. If a field without a default is missing or malformed, the item is malformed. In a list of
structs, only the malformed ones are left out.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

_OBJECT: Final = Decoder(dict[str, msgspec.Raw])
_LIST: Final = Decoder(list[msgspec.Raw])


def by_name(
    raws: Mapping[str, msgspec.Raw],
    decode: Callable[[msgspec.Raw], tuple[T, list[str]]],
    source: str,
    things: str = "",
) -> tuple[Mapping[str, T], int]:
    """The valid values of a mapping, by name, and the number of errors in the others.

    Args:
        decode: As ByField.decode.
        source, things: The service and the kind of the values, for the message.

    Raises CollectError `malformed` if there are values and all are malformed.
    """
    found, odd = {}, 0
    for name, raw in raws.items():
        try:
            found[name], wrong = decode(raw)
        except msgspec.DecodeError:
            odd += 1
        else:
            odd += len(wrong)
    if odd and not found:
        them = f"all {odd} {things}".rstrip()
        raise CollectError(Reason.MALFORMED, f"{source}: {them} are malformed")
    return found, odd


class ByField(Generic[T]):
    """Items of one kind: a msgspec.Struct, whose inner structs are also read field by field."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._whole = Decoder(kind)
        self._fields = [_Field(one) for one in fields(kind)]  # type: ignore[arg-type]  # T is a Struct

    def decode(self, raw: msgspec.Raw | bytes) -> tuple[T, list[str]]:
        """The item, and the errors in its optional fields. Raises msgspec.DecodeError if it is malformed."""
        try:
            return self._whole.decode(raw), []
        except msgspec.DecodeError:
            return self._by_field(raw)

    def _by_field(self, raw: msgspec.Raw | bytes) -> tuple[T, list[str]]:
        raws = _OBJECT.decode(raw)
        values: dict[str, Any] = {}
        errors: list[str] = []
        for field in self._fields:
            value = raws.get(field.key)
            if value is not None:
                values |= field.decode(value, errors)
            elif field.is_needed:
                raise msgspec.ValidationError(f"Object missing required field `{field.key}`")
        try:
            return self._kind(**values), errors
        except ValueError as error:
            raise msgspec.ValidationError(str(error)) from error


class _Field:
    """One field.

    Attributes:
        key: Its name in JSON.
        is_needed: It has no default.
        is_unknown: Its default means unknown.
        is_number: Its default is one.
    """

    def __init__(self, field: FieldInfo) -> None:
        self.name, self.key, self.is_needed = field.name, field.encode_name, field.required
        self.is_unknown = field.default is None or field.default == ""
        self.is_number = isinstance(field.default, int | float) and not isinstance(field.default, bool)
        self._decoder: Decoder[Any] = Decoder(field.type)
        is_list = get_origin(field.type) is list
        self._inner = None if is_list else _struct((field.type, *get_args(field.type)))
        self._element = _struct(get_args(field.type)) if is_list else None

    def decode(self, raw: msgspec.Raw, errors: list[str]) -> dict[str, Any]:
        """Its value by its name; empty if it keeps its default."""
        try:
            return {self.name: self._decoder.decode(raw)}
        except msgspec.DecodeError as error:
            begin = bytes(raw)[:1]
            if begin == b"{" and self._inner is not None:
                return self._read_inner(self._inner, raw, errors)
            if begin == b"[" and self._element is not None:
                return {self.name: _read_elements(self._element, raw, errors)}
            is_null = bytes(raw) == b"null"
            if self.is_needed or self.is_number or not (is_null or self.is_unknown):
                raise msgspec.ValidationError(f"{error} - at `{self.key}`") from error
            if not is_null:
                errors.append(f"{error} - at `{self.key}`")
            return {}

    def _read_inner(self, inner: ByField[Any], raw: msgspec.Raw, errors: list[str]) -> dict[str, Any]:
        try:
            value, wrong = inner.decode(raw)
        except msgspec.DecodeError as error:
            if not self.is_unknown:
                raise
            errors.append(str(error))
            return {}
        errors += wrong
        return {self.name: value}


def _read_elements(element: ByField[T], raw: msgspec.Raw, errors: list[str]) -> list[T]:
    found = []
    for one in _LIST.decode(raw):
        try:
            value, wrong = element.decode(one)
        except msgspec.DecodeError as error:
            errors.append(str(error))
        else:
            found.append(value)
            errors += wrong
    return found


def _struct(kinds: Iterable[Any]) -> ByField[Any] | None:
    for one in kinds:
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return ByField(one)
    return None
