"""A silence, as Alertmanager lists it and as this service writes it. Source: API v2, `GET /silences`."""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from stratoscope.core.errors import one_line
from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set, written
from stratoscope.downtime.model import Downtime

CREATED_BY: Final = "stratoscope-downtime"
"""`createdBy` of each silence of ours. Its comment ends in its key: `[stratoscope-downtime ID HASH]`."""

LONGEST_ID: Final = msgspec.Meta(max_length=100)
"""Of a silence; Alertmanager's own have 36 characters."""

_KEY: Final = re.compile(rf"\[{CREATED_BY} ([^\s\]]+) ([0-9a-f]{{12}})\]\Z")
_HASH_LENGTH: Final = 12
_EXPIRED_HERE_S: Final = 0.002
"""Expiring by request sets `endsAt` and `updatedAt` to one moment, which is shown in milliseconds."""


class Key(NamedTuple):
    """What a silence of ours is kept for. Attributes: set_hash: See `set_hash`."""

    downtime_id: str
    set_hash: str


class Silence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A silence that Alertmanager lists.

    Attributes:
        state: By Alertmanager's own clock.
        starts_at, ends_at, updated_at: Unix seconds.
        matchers: In its own order, which an update must repeat.
        annotations: A person's; since Alertmanager 0.32.
    """

    id: str
    state: Literal["pending", "active", "expired"]
    starts_at: float
    ends_at: float
    updated_at: float
    created_by: str
    comment: str
    matchers: tuple[Matcher, ...]
    annotations: Mapping[str, str] | None = None

    @property
    def is_live(self) -> bool:
        return self.state != "expired"

    @property
    def is_expired_by_request(self) -> bool:
        """Whether somebody, we or a person, expired it: it did not come to its end."""
        return not self.is_live and abs(self.ends_at - self.updated_at) < _EXPIRED_HERE_S

    @property
    def key(self) -> Key | None:
        """Of a silence of this program; None for others, and for one whose matchers were edited."""
        if self.created_by != CREATED_BY or (key := self.key_in_comment) is None:
            return None
        return key if key.set_hash == set_hash(matcher_set(self.matchers)) else None

    @property
    def key_in_comment(self) -> Key | None:
        """What its comment says, whoever has it now, and whatever it silences."""
        found = _KEY.search(self.comment)
        return None if found is None else Key(found[1], found[2])


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A silence to be written.

    Attributes:
        id: Of the one to update; "" for a new one.
        annotations: Of the one that it replaces.
    """

    id: str = ""
    starts_at: float
    ends_at: float
    matchers: tuple[Matcher, ...]
    comment: str
    annotations: Mapping[str, str] | None = None


@lru_cache(maxsize=1 << 15)
def set_hash(matchers: MatcherSet) -> str:
    """A matcher set in short."""
    return text_hash(written(matchers))


def text_hash(text: str) -> str:
    """The same, from what `matchers.written` wrote."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_HASH_LENGTH]


def comment(downtime: Downtime, matchers: MatcherSet, base_url: str) -> str:
    """One line: title, author, link if there is a URL of this service, key."""
    link = f" {base_url.rstrip('/')}/downtimes/{downtime.id}" if base_url else ""
    words = one_line(f"{downtime.title} ({downtime.author}){link}")
    return f"{words} [{CREATED_BY} {downtime.id} {set_hash(matchers)}]"


class _Matcher(msgspec.Struct, frozen=True, rename="camel", gc=False):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class _Status(msgspec.Struct, frozen=True, gc=False):
    state: Literal["pending", "active", "expired"]


class _Listed(msgspec.Struct, frozen=True, rename="camel", gc=False):
    id: Annotated[str, LONGEST_ID]
    status: _Status
    starts_at: dt.datetime
    ends_at: dt.datetime
    updated_at: dt.datetime
    created_by: str
    comment: str
    matchers: tuple[_Matcher, ...]
    annotations: Mapping[str, str] | None = None


_ALL: Final = msgspec.json.Decoder(tuple[_Listed, ...])
_RAW: Final = msgspec.json.Decoder(tuple[msgspec.Raw, ...])
_ONE: Final = msgspec.json.Decoder(_Listed)


def decode(body: bytes) -> tuple[Sequence[Silence], int]:
    """The silences of a list, and how many of them were malformed.

    Raises:
        msgspec.DecodeError: It is no whole list.
    """
    try:
        return [_silence(one) for one in _ALL.decode(body)], 0
    except msgspec.ValidationError:
        return _one_by_one(_RAW.decode(body))


def _one_by_one(raw: Sequence[msgspec.Raw]) -> tuple[Sequence[Silence], int]:
    found, malformed = [], 0
    for one in raw:
        try:
            found.append(_silence(_ONE.decode(one)))
        except msgspec.ValidationError:
            malformed += 1
    return found, malformed


def _silence(listed: _Listed) -> Silence:
    return Silence(
        id=listed.id,
        state=listed.status.state,
        starts_at=listed.starts_at.timestamp(),
        ends_at=listed.ends_at.timestamp(),
        updated_at=listed.updated_at.timestamp(),
        created_by=listed.created_by,
        comment=listed.comment,
        matchers=tuple(Matcher(one.name, one.value, one.is_regex, one.is_equal) for one in listed.matchers),
        annotations=listed.annotations or None,
    )


class _Posted(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    matchers: list[dict[str, str | bool]]
    starts_at: dt.datetime
    ends_at: dt.datetime
    created_by: str
    comment: str
    id: str = ""
    annotations: Mapping[str, str] | None = None


def encode(silence: Written) -> bytes:
    """The body of a request that writes it."""
    matchers: list[dict[str, str | bool]] = [
        {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
        for one in silence.matchers
    ]
    starts_at, ends_at = (
        dt.datetime.fromtimestamp(moment, dt.UTC) for moment in (silence.starts_at, silence.ends_at)
    )
    posted = _Posted(
        matchers, starts_at, ends_at, CREATED_BY, silence.comment, silence.id, silence.annotations
    )
    return msgspec.json.encode(posted)
