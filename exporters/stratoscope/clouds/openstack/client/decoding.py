"""Decodes the JSON of services: typed, bounded, and tolerant of invalid texts and numbers.

Services return what users wrote. A byte that is not UTF-8, half a surrogate pair or a raw control character
in one name must not make the list fail: it is replaced with U+FFFD or a space. NaN and Infinity are read as
null, a byte order mark is ignored, and 4.0 is read as a whole number.
"""

import re
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

DEEPEST: Final = 100
"""Limit on levels of a body that is repaired. msgspec's own limits, 1,000 and more, depend on Python's
release."""

MOST_VALUES: Final = 1 << 20
"""Limit on values of a body that is repaired or read item by item, since each takes memory and time. It
allows 16 bytes per value in a body of 16 MiB, the largest that is read; the values of services are longer."""

_USUAL: Final = 12
"""The most levels in answers of services."""
_OTHERS: Final = bytes({*range(256)} - {*b'[]{},"'})
_PIECE: Final = 1 << 16
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One level down, or (as a signed byte) up."""
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A text; one without an end quote extends to the end of the body: a search from each quote would take too
long."""
_LOW: Final = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ANY: Final = rb"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_HIGH: Final = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rb"\\(?:" + _HIGH + rb"\\" + _LOW + rb"|(" + _ANY + rb")|.)", re.DOTALL)
_NO_NUMBER: Final = re.compile(_STRING.pattern + rb"|(-?\b(?:NaN|Infinity)\b)", re.DOTALL)
_WHOLE: Final = re.compile(_STRING.pattern + rb"|(?<![\d.])(-?\d++)\.0++(?![\d.eE])", re.DOTALL)
MARK: Final = b"\xef\xbb\xbf"
"""The byte order mark that some gateways write before UTF-8."""
_CONTROLS_TO_SPACES: Final = bytes(max(one, 32) for one in range(256))


class Decoder(Generic[T]):
    """Decodes bodies of one type."""

    def __init__(self, kind: type[T]) -> None:
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, body: bytes | msgspec.Raw) -> T:
        """Decode a body, or a part of a decoded one; if it is no strict JSON, it is repaired first.

        Raises msgspec.DecodeError if it has another type, `check` rejects it, or it cannot be repaired.
        """
        try:
            return self._strict.decode(body)
        except RecursionError as error:
            raise msgspec.DecodeError("nested too deep") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if isinstance(body, bytes):
                check(body)
            # Strict JSON of another type: only a `.0` may be what is wrong.
            repair = with_whole_numbers if isinstance(error, msgspec.ValidationError) else repaired
            text = bytes(body)
            other = repair(text)
            if other == text:
                raise
        return self.decode(other)


def check(body: bytes) -> None:
    """Reject a body that is nested too deep, or has too many values, to be decoded a second time. Raises
    msgspec.DecodeError.
    """
    marks = _outside_texts(body)
    if marks.count(b",") >= MOST_VALUES:
        raise msgspec.DecodeError(f"more than {MOST_VALUES} values")
    brackets = left = marks.translate(None, b",")
    for _ in range(_USUAL):  # the innermost are empty: out with them, level by level, which is quick
        left = left.replace(b"[]", b"").replace(b"{}", b"")
    if left and max(accumulate(array("b", brackets.translate(_STEPS)))) > DEEPEST:
        raise msgspec.DecodeError("nested too deep")


def repaired(body: bytes) -> bytes:
    """The body as strict JSON in UTF-8: half surrogates and control characters replaced, NaN as null."""
    text = body.removeprefix(MARK).decode("utf-8", "replace").encode().translate(_CONTROLS_TO_SPACES)
    if b"NaN" in text or b"Infinity" in text:
        text = _replaced(_NO_NUMBER, text, lambda _: b"null")
    return _replaced(_ESCAPE, text, lambda _: rb"\ufffd")


def with_whole_numbers(body: bytes) -> bytes:
    """The body with 4 for 4.0, since some database drivers and gateways change one to the other."""
    return _replaced(_WHOLE, body, lambda number: number) if b".0" in body else body


def _outside_texts(body: bytes) -> bytes:
    """The brackets and commas of a body outside of texts; piece by piece, to save memory."""
    quotes = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # those alone that begin or end a text
    marks = quotes.translate(None, _OTHERS).replace(b'""', b"")
    outside, is_inside = bytearray(), 0
    for start in range(0, len(marks), _PIECE):
        parts = marks[start : start + _PIECE].split(b'"')
        outside += b"".join(parts[is_inside::2])
        is_inside ^= len(parts) - 1 & 1
    return bytes(outside)


def _replaced(pattern: re.Pattern[bytes], body: bytes, put: Callable[[bytes], bytes]) -> bytes:
    """The body with each first group replaced; all other matches stay.

    `sub` is not used, since it stores all matches: that can take a thousand times the memory.
    """
    out, end = bytearray(), 0
    for found in pattern.finditer(body):
        if found[1] is not None:
            out += body[end : found.start()] + put(found[1])
            end = found.end()
    return bytes(out + body[end:]) if end else body
