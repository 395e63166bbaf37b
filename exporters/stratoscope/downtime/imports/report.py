"""How the imports from a source go: for metrics and pages."""

from collections.abc import Mapping

import msgspec

from stratoscope.core.errors import Reason
from stratoscope.downtime.imports.announced import Announced, Skip


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source. All moments are Unix seconds.

    Attributes:
        source: As its downtimes have it: `gocdb:egi`.
        tried_at: The last fetch; None before the first.
        imported_at: The last one that was complete and is stored: what the source gave is as old as that.
            None if there was none.
        rows: How many rows of the last complete fetch are stored.
        unmapped: How many of its rows no entry of the mapping matches.
        unmapped_rows: Some of them.
        held: How many rows have vanished since the start and are not cancelled yet: a row without id may be
            one of them.
        skipped: How many of its rows were left out, by reason.
        skipped_words: Of some of them: which one, and why.
        errors: Fetches that failed, by reason.
        reason: Why the last fetch failed; None if it did not.
        words: The same for a person, in one line; also that an empty answer does not count yet.
    """

    source: str
    tried_at: float | None = None
    imported_at: float | None = None
    rows: int = 0
    unmapped: int = 0
    unmapped_rows: tuple[Announced, ...] = ()
    held: int = 0
    skipped: Mapping[Skip, int] = {}
    skipped_words: tuple[str, ...] = ()
    errors: Mapping[Reason, int] = {}
    reason: Reason | None = None
    words: str = ""

    def age_s(self, now: float) -> float | None:
        """How old what the source gave is; None if it gave nothing yet."""
        return None if self.imported_at is None else max(0.0, now - self.imported_at)
