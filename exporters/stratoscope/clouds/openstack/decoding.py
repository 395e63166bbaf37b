"""JSON as services answer it: typed, bounded in depth, and read on where a text in it is no text.

Services pass on what users wrote, and a byte that is not UTF-8, half a surrogate or a raw control character
in one name must not cost the list. What cannot be read becomes U+FFFD, or a space.
"""

import re
from array import array
from itertools import accumulate
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

DEEPEST: Final = 100
"""Levels that are read. The bounds of msgspec itself, 1,000 or 10,000, differ by Python's release."""

_USUAL: Final = 12
"""Levels that services' answers have at most."""
_NO_BRACKETS: Final = bytes({*range(256)} - {*b"[]{}"})
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One level down, or (as a signed byte) up."""
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LOW: Final = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ANY: Final = rb"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_HIGH: Final = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rb"\\(?:" + _HIGH + rb"\\" + _LOW + rb"|(" + _ANY + rb")|.)", re.DOTALL)
_CONTROLS_TO_SPACES: Final = bytes(max(one, 32) for one in range(256))


class Decoder(Generic[T]):
    """Decodes bodies of one type."""

    def __init__(self, kind: type[T]) -> None:
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, body: bytes | msgspec.Raw) -> T:
        """What a body says, or a part of one that was decoded; what is no strict JSON is repaired first.

        Raises:
            msgspec.DecodeError: It is another type, is nested too deep, or cannot be repaired.
        """
        if isinstance(body, bytes) and is_deep(body):
            raise msgspec.DecodeError("nested too deep")
        try:
            return self._strict.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._strict.decode(repaired(bytes(body)))
        except RecursionError as error:  # brackets inside texts can make it look shallow
            raise msgspec.DecodeError("nested too deep") from error


def repaired(body: bytes) -> bytes:
    """The body as UTF-8 without half surrogates and control characters; what was whole stays as it is."""
    text = body.decode("utf-8", "replace").encode().translate(_CONTROLS_TO_SPACES)
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


def is_deep(body: bytes) -> bool:
    """Whether it is nested too deep to be an answer."""
    if not _collapsed(_brackets(body)):
        return False
    brackets = _brackets(_STRING.sub(b"", body))
    steps = array("b", brackets.translate(_STEPS))
    return max(accumulate(steps), default=0) > DEEPEST


def _brackets(body: bytes) -> bytes:
    return body.translate(None, _NO_BRACKETS)


def _collapsed(brackets: bytes) -> bytes:
    """What is left when those that are empty are taken out level by level: nothing of what services answer.

    That is quick, and true but for brackets inside texts, which matter at a second look.
    """
    for _ in range(_USUAL):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return brackets
