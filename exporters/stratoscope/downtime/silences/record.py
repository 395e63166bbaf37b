"""What this service knows of the silences that it wrote: by it, a silence that was lost and one that a person
expired are told apart."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class Standing(StrEnum):
    """Where a silence of ours stands."""

    WRITING = "writing"
    """Stored before the request: whether Alertmanager has it is not known yet."""
    WRITTEN = "written"
    EXPIRING = "expiring"
    """Stored before the request: this service itself expires it."""
    OVERRIDDEN = "overridden"
    """A person expired it: no other is written until the downtime is changed."""


class SilenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The silence of one matcher set of a downtime, in one Alertmanager.

    Attributes:
        alertmanager: The name of its entry in the configuration.
        downtime_id: Whose it is.
        matchers: The matcher set, as `matchers.written` writes it; with the two above it is the key.
        silence_id: Alertmanager's; "" if it is not known yet.
        starts_at, ends_at: As last written, in Unix seconds.
        revision: That of the downtime when it was last written.
        changed_at: Of this record, in Unix seconds.
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


class SilenceRecords(Protocol):
    """Where records are stored."""

    async def silence_records(self, alertmanager: str) -> Sequence[SilenceRecord]:
        """Those of one Alertmanager."""

    async def store_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """On disk when it returns; a record with the same key is replaced."""

    async def forget_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """Those with these keys."""
