"""What this service knows of the silences that it wrote: by it, a silence that was lost and one that a person
expired are told apart."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from stratoscope.downtime.model import Downtime
from stratoscope.downtime.silences.silence import Key, text_hash


class Standing(StrEnum):
    """Where a silence of ours stands."""

    WRITING = "writing"
    """Stored before the request: whether Alertmanager has it is not known yet."""
    WRITTEN = "written"
    EXPIRING = "expiring"
    """Stored before the request: this service itself expires it."""
    OVERRIDDEN = "overridden"
    """A person expired it: no other is written until the downtime is changed or silenced again."""
    TAKEN_OVER = "taken_over"
    """A person made it theirs, and it still mutes: as OVERRIDDEN, no other is written."""


OVERRIDES: Final = frozenset({Standing.OVERRIDDEN, Standing.TAKEN_OVER})


class SilenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The silence of one matcher set of a downtime, in one Alertmanager.

    Attributes:
        alertmanager: The name of its entry in the configuration.
        downtime_id: Whose it is.
        matchers: The matcher set, as `matchers.written` writes it; with the two above it is the key.
        silence_id: Alertmanager's; "" if it is not known yet.
        starts_at, ends_at: As last written, in Unix seconds; when taken over, the end is its own.
        revision: That of the downtime when it was last written.
        changed_at: Of this record, in Unix seconds.
        owner: The author of what was taken over; "" if it does not say who, and for what was not.
    """

    alertmanager: str
    downtime_id: str
    matchers: str
    silence_id: str = ""
    standing: Standing
    starts_at: int
    ends_at: int
    revision: int
    changed_at: int
    owner: str = ""

    @property
    def owner_in_words(self) -> str:
        """Who took it over."""
        return self.owner or "a person"


def record_key(record: SilenceRecord) -> Key:
    return Key(record.downtime_id, text_hash(record.matchers))


def is_override(record: SilenceRecord, downtime: Downtime) -> bool:
    """Whether a person keeps the silence from being written, and nobody has changed its downtime since."""
    return record.standing in OVERRIDES and record.revision == downtime.revision


class SilenceRecords(Protocol):
    """Where records are stored."""

    async def silence_records(self, alertmanager: str) -> Sequence[SilenceRecord]:
        """Those of one Alertmanager."""

    async def store_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """On disk when it returns; a record with the same key is replaced."""

    async def forget_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """Those with these keys."""
