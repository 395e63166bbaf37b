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
        version: Of Alertmanager; "" if it is not known yet.
        errors: How many requests and reconciles failed since the start, by reason; all reasons are there.
        trouble: The words of the first failure of the last reconcile; "" for none.
        trouble_of: The downtimes that it concerns, if no others; empty for all.
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
    version: str = ""
    errors: Mapping[Reason, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Reason, 0))
    trouble: str = ""
    trouble_of: frozenset[str] = frozenset()
    is_dry_run: bool = False
