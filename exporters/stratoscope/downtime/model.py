"""What a downtime is. All moments are Unix seconds."""

import hashlib
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from stratoscope.downtime.matchers import MatcherSet, matches

PERSON: Final = "person"
"""The source of what a person filed; others are named for what filed it: `gocdb:egi`, `cloud:uni`."""
CLOUD: Final = "cloud:"
"""What the source of a host's downtime begins with if the cloud CLOUD itself says that it is off."""
SCRIPT: Final = "script:"
"""The same if a script says so."""
DAY_S: Final = 86_400
REARM_S: Final = DAY_S
"""For so long a downtime until further notice is extended at a time."""
LONGEST_REARMED_S: Final = 30 * DAY_S
"""From its start until a downtime until further notice ends at the latest."""

_ALPHABET: Final = "23456789abcdefghjkmnpqrstvwxyz"
"""Without letters and digits that look alike."""
_ID_LENGTH: Final = 10


class Severity(StrEnum):
    """What users notice."""

    OUTAGE = "outage"
    DEGRADED = "degraded"
    AT_RISK = "at_risk"


class State(StrEnum):
    """Where a downtime stands at a moment."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Limit(NamedTuple):
    """When a downtime ends for good.

    Attributes:
        at: Unix seconds.
        is_cap: Nobody has chosen this end; it is that of a downtime which nobody has ended before.
    """

    at: int
    is_cap: bool


class Rearm(NamedTuple):
    """The end of a downtime that goes on is moved on.

    Attributes:
        seen: The end that it had when this was decided: one that has another now is left as it is.
        end: The new one, which is later.
    """

    downtime_id: str
    seen: int
    end: int


class Downtime(msgspec.Struct, frozen=True, kw_only=True):
    """A downtime as it stands now; its earlier forms are in its changes.

    Attributes:
        id: Random, see `new_id`.
        title: One line.
        text: Lines of free text.
        planned: Whether it was announced. Only planned outages count as downtime in availability.
        start, end: It lasts from start up to end, without end itself.
        until_further_notice: Its end is moved on each day by REARM_S, up to LONGEST_REARMED_S after start.
        matcher_sets: What is down: an alert is explained if it matches one of the sets; sorted, one or more.
        silences: Whether silences are kept for it.
        author: The user who filed it, or the source.
        source: PERSON, or what filed it.
        external_id: Its id at the source; unique within the source. "" if a person filed it.
        window_id: The recurring window of which it is an occurrence; "" for none.
        cancelled_at: When it was cancelled; None if it was not.
        revision: 1 when filed; one more with each change, but not when it is REARMED, or at what people do
            to its silences by hand.
        created_at, changed_at: When it was filed, and last changed.
    """

    id: str
    title: str
    text: str = ""
    planned: bool = True
    severity: Severity = Severity.OUTAGE
    start: int
    end: int
    until_further_notice: bool = False
    matcher_sets: tuple[MatcherSet, ...]
    silences: bool
    author: str
    source: str = PERSON
    external_id: str = ""
    window_id: str = ""
    cancelled_at: int | None = None
    revision: int = 1
    created_at: int
    changed_at: int

    def state(self, now: float) -> State:
        if self.cancelled_at is not None:
            return State.CANCELLED
        if now < self.start:
            return State.UPCOMING
        return State.ACTIVE if now < self.end else State.ENDED

    @property
    def goes_on(self) -> bool:
        """Whether its end is moved on until a person, or the cloud that filed it, ends it."""
        return self.until_further_notice or self.source.startswith(CLOUD)

    def limit(self, hosts_cap_s: int) -> Limit:
        """When it ends for good. Args: hosts_cap_s: For so long a host may be off."""
        is_hosts = self.source.startswith((CLOUD, SCRIPT))
        if self.goes_on:
            cap_s = hosts_cap_s if is_hosts else LONGEST_REARMED_S
            return Limit(max(self.end, self.start + cap_s), is_cap=True)
        return Limit(self.end, is_cap=False)

    def explains(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is one of those that the downtime explains."""
        return any(matches(one, labels) for one in self.matcher_sets)


class Action(StrEnum):
    """What was done to a downtime."""

    FILED = "filed"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REARMED = "rearmed"
    """Its end was moved on, since it lasts until further notice."""
    OVERRIDDEN = "overridden"
    """A person expired one of its silences by hand."""
    TAKEN_OVER = "taken_over"
    """A person made one of its silences theirs: another author, key or matchers."""
    RESTORED = "restored"
    """A person had moved one of its silences by hand; it is written again as the downtime says."""
    BACK = "back"
    """A script said that its host is back."""
    SILENCED = "silenced"
    """Its silences are written again, also those that people expired or took over."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a downtime's history.

    Attributes:
        at: When.
        who: The user, or the source.
        fields: What changed: field -> [value before, value after], as in the API's JSON.
    """

    downtime_id: str
    revision: int
    at: int
    who: str
    action: Action
    fields: Mapping[str, tuple[object, object]] = {}


def rearmed(start: int, now: int) -> int:
    """The first end of a downtime that from now on lasts until further notice."""
    return max(start, now) + REARM_S


def new_id() -> str:
    """An id that no downtime has had, here or in a database that was restored from a backup."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def id_of(text: str) -> str:
    """An id that is the same for the same text, and else as that of `new_id`."""
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[one % len(_ALPHABET)] for one in digest[:_ID_LENGTH])
