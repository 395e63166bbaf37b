"""Types of single fields as OpenStack's services return them, and their conversion to base units."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

from stratoscope.core.errors import CollectError, Reason

Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
"""An id. One that is too long makes its item malformed: cut at 1,024 bytes, it could be equal to another. The
services allow 255 characters of up to 4 bytes."""

PathId: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^\.*[!-,/-~][!-~]*\Z")
]
"""As Id, for one that becomes a segment of a path: printable, and not `.` or `..`."""

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number of objects, which cannot be negative."""

Limit: TypeAlias = Annotated[float, msgspec.Meta(le=2**128)]
"""A limit, of which those below 0 say that there is none."""

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=2**128)]
"""As Number, for values that may exceed its range: a subnet of IPv6 has up to 2**128 addresses."""

IPVersion: TypeAlias = Literal[4, 6]

Text: TypeAlias = str
"""A name or a state of any length: core cuts label values, and counts that."""


def segment(text: str) -> str:
    """An id as one segment of a path. Raises CollectError `malformed` if that is impossible."""
    if text in {"", ".", ".."}:
        raise CollectError(Reason.MALFORMED, f"no id: {text!r}")
    return quote(text, safe="")


MIB: Final = 2**20
GIB: Final = 2**30
_MOST: Final = 2**60
"""The largest size that makes sense, in bytes: an exbibyte."""


def size(number: object, unit: int) -> int | None:
    """Bytes of a number of units; None if it makes no sense: then the item is counted without a size."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST // unit:
        return None
    return number * unit


def unix_seconds(when: datetime) -> float:
    """Unix seconds; a time without a zone is UTC in all services."""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def moment(when: datetime | None) -> float | None:
    """Unix seconds; None without a time."""
    return None if when is None else unix_seconds(when)


def enabled_state(enabled: bool | None) -> str:
    """The state of an object that Keystone only reports as enabled or not."""
    if enabled is None:
        return ""
    return "enabled" if enabled else "disabled"
