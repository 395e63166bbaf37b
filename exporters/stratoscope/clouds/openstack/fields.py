"""Types of single fields as OpenStack's services answer them, and their conversion to base units."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias, overload

import msgspec

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
"""A name, an id or a state: bounded, so that an absurd one makes its item malformed and does not reach the
page. The services themselves allow 255 characters."""

MIB: Final = 2**20
GIB: Final = 2**30


@overload
def moment(when: datetime) -> float: ...


@overload
def moment(when: None) -> None: ...


@overload
def moment(when: datetime | None) -> float | None: ...


def moment(when: datetime | None) -> float | None:
    """Unix seconds; a time without a zone is UTC, as all services mean it."""
    if when is None:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
