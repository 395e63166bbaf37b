"""The metrics of the downtimes themselves."""

from typing import Final

from stratoscope.core.metrics import Family
from stratoscope.downtime.scope import LABELS

_DOWNTIME: Final = ("downtime_id",)

ACTIVE = Family(
    "stratoscope_downtime_active",
    "1 for each matcher set of an active downtime whose matchers are all equalities; scope is what the set"
    " covers as a whole, or other; silences is true unless it was filed without, or a person expired them.",
    labels=(*_DOWNTIME, "scope", *LABELS, "planned", "severity", "silences"),
)
ACTIVE_PATTERNS = Family(
    "stratoscope_downtime_active_patterns",
    "Matcher sets of an active downtime that labels cannot show: with a pattern, a negation or another label;"
    " absent where there are none.",
    labels=_DOWNTIME,
)
DOWNTIMES = Family(
    "stratoscope_downtime_downtimes",
    "Downtimes that are active, and those that start within the next 7 days.",
    labels=("state",),
)
INFO = Family(
    "stratoscope_downtime_info",
    "A downtime that is active or starts within the next 7 days; its title is cut at 100 characters.",
    labels=(*_DOWNTIME, "title", "planned", "severity", "source"),
)
START = Family(
    "stratoscope_downtime_start_timestamp_seconds",
    "Unix time of the start of a downtime that is active or starts within the next 7 days.",
    labels=_DOWNTIME,
)
END = Family(
    "stratoscope_downtime_end_timestamp_seconds",
    "Unix time of its end; that of a downtime until further notice moves on.",
    labels=_DOWNTIME,
)
NOTICE = Family(
    "stratoscope_downtime_notice",
    "1 for an active downtime that ends within the time of the key notice, at the end that somebody chose or"
    " at its cap.",
    labels=(*_DOWNTIME, "of"),
)
HOST_OFF_BY_SCRIPT = Family(
    "stratoscope_downtime_host_off_by_script",
    "1 for a host of which a script says that it is switched off.",
    labels=("cloud", "host"),
)
WINDOWS_STUCK = Family(
    "stratoscope_downtime_windows_stuck",
    "Recurring windows of which no occurrence can be filed, by what is wrong; the log has their ids.",
    labels=("reason",),
)
LEADER = Family(
    "stratoscope_downtime_leader",
    "1 for the process that leads, else 0: of those with one database, it alone imports, watches hosts and"
    " writes to Alertmanager.",
    labels=(),
)
REFUSED = Family(
    "stratoscope_downtime_database_refused",
    "1 for the reason why the last change was not stored in the database, else 0; it is tried each minute.",
    labels=("reason",),
)
OF_DOWNTIMES: Final = (
    ACTIVE, ACTIVE_PATTERNS, DOWNTIMES, INFO, START, END, NOTICE, HOST_OFF_BY_SCRIPT, WINDOWS_STUCK, LEADER,
    REFUSED,
)  # fmt: skip

_AM: Final = ("alertmanager",)
WANTED = Family(
    "stratoscope_downtime_silences_wanted",
    "Silences that this Alertmanager should have, by the database; absent before the first reconcile, and"
    " while the database cannot be read.",
    labels=_AM,
)
PRESENT = Family(
    "stratoscope_downtime_silences_present",
    "Silences that this Alertmanager has as it should; absent while that is not known, since it does not"
    " answer.",
    labels=_AM,
)
OVERRIDDEN = Family(
    "stratoscope_downtime_silences_overridden",
    "Silences that a person expired by hand, none of which is written again until the downtime is changed or"
    " silenced again; and those that a person took over, which still mute.",
    labels=(*_AM, "how"),
)
IN_STEP = Family(
    "stratoscope_downtime_silences_in_step",
    "1 if the last reconcile succeeded and left nothing to be done, else 0.",
    labels=_AM,
)
LAST_SYNC = Family(
    "stratoscope_downtime_last_sync_timestamp_seconds",
    "Unix time of the last reconcile without an error; absent before the first.",
    labels=_AM,
)
SYNC_ERRORS = Family(
    "stratoscope_downtime_sync_errors_total",
    "Requests and reconciles that failed, by reason.",
    labels=(*_AM, "reason"),
)
AM_SKEW = Family(
    "stratoscope_downtime_alertmanager_clock_skew_seconds",
    "By how much Alertmanager's clock is ahead of this machine's; its resolution is a second.",
    labels=_AM,
)
OF_SILENCES: Final = (WANTED, PRESENT, OVERRIDDEN, IN_STEP, LAST_SYNC, SYNC_ERRORS, AM_SKEW)

_SOURCE: Final = ("source",)
IMPORTED = Family(
    "stratoscope_downtime_import_rows",
    "Downtimes that the last complete answer of the source gave and that are stored.",
    labels=_SOURCE,
)
UNMAPPED = Family(
    "stratoscope_downtime_import_unmapped_rows",
    "Downtimes of the source that no entry of its mapping matches; they silence nothing.",
    labels=_SOURCE,
)
HELD = Family(
    "stratoscope_downtime_import_held_rows",
    "Downtimes that vanished at the source and are held for two answers, since a row has no id.",
    labels=_SOURCE,
)
SKIPPED = Family(
    "stratoscope_downtime_import_skipped_rows",
    "Rows of the last complete answer that were left out, by reason.",
    labels=(*_SOURCE, "reason"),
)
LAST_IMPORT = Family(
    "stratoscope_downtime_import_last_success_timestamp_seconds",
    "Unix time of the last complete answer of the source; absent before the first.",
    labels=_SOURCE,
)
IMPORT_ERRORS = Family(
    "stratoscope_downtime_import_errors_total", "Imports that failed, by reason.", labels=(*_SOURCE, "reason")
)
OF_IMPORTS: Final = (IMPORTED, UNMAPPED, HELD, SKIPPED, LAST_IMPORT, IMPORT_ERRORS)
