"""How an Alertmanager stands: what pages and collectors show."""

from collections.abc import Mapping, Sequence

import msgspec

from stratoscope.downtime.silences.errors import Reason
from stratoscope.downtime.silences.record import SilenceRecord


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the last reconcile of one Alertmanager.

    Attributes:
        alertmanager: The name of its entry in the configuration.
        wanted: How many silences it should have; None before the first reconcile, and while the downtimes
            cannot be read.
        present: How many of them it has as they should be; None while that is not known, since it does
            not answer.
        overridden: How many more it would have, had no person expired them.
        taken_over: How many it has that a person made theirs, `left` among them.
        left: Of these, those that still mute though their downtime does not want them any more.
        unknown: How many others it has whose key names a downtime that is not in this database: those of
            another installation, or of a database that is gone. They are left alone.
        malformed: How many entries of its list could not be read.
        writes, expiries: What is still to be done; in a dry run, all that would be done.
        is_in_step: Whether the last reconcile succeeded and left nothing to be done.
        last_success: The moment of the last one that did, in Unix seconds; None for none.
        ahead_s: By how much its clock is ahead of ours; None if it is not known yet.
        recorded_as: The entry of its cluster under whose name its silences are recorded; "" for its own.
        version: Of Alertmanager; "" if it is not known yet.
        errors: How many requests and reconciles failed since the start, by reason; all reasons are there.
        trouble: What was wrong with the whole Alertmanager in the last reconcile; "" for nothing.
        refused: What was wrong with the silences of single downtimes in it, by id.
        is_dry_run: Whether nothing is written.
    """

    alertmanager: str
    wanted: int | None = None
    present: int | None = None
    overridden: int = 0
    taken_over: int = 0
    left: Sequence[SilenceRecord] = ()
    unknown: int = 0
    malformed: int = 0
    writes: int = 0
    expiries: int = 0
    is_in_step: bool = False
    last_success: float | None = None
    ahead_s: float | None = None
    recorded_as: str = ""
    version: str = ""
    errors: Mapping[Reason, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Reason, 0))
    trouble: str = ""
    refused: Mapping[str, str] = msgspec.field(default_factory=dict)
    is_dry_run: bool = False

    @property
    def failure(self) -> str:
        """What was wrong in the last reconcile, with all or with one downtime; "" for nothing."""
        if self.trouble or not self.refused:
            return self.trouble
        downtime_id, words = next(iter(self.refused.items()))
        count = len(self.refused)
        whose = f"downtime {downtime_id}" if count == 1 else f"{count} downtimes, such as {downtime_id}"
        return f"{whose}: {words}"

    def trouble_of(self, downtime_id: str) -> str:
        """What is wrong for one downtime: with its own silences, or with the whole Alertmanager."""
        return self.refused.get(downtime_id, self.trouble)
