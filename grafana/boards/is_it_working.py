"""Is it working for users now? The front page: what is near or over its threshold, what is down on purpose.

It reads records and ALERTS alone, so it is as quick for 10,000 VMs as for ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from boards import board, colours, words
from boards.panels import About, Column, Look, Panel, Query, cells, rows

CELL: Final = "cloud:stratoscope_glance:over_threshold"
PLANNED: Final = "cloud:stratoscope_glance:in_downtime"
_IN: Final = board.IN
_IN_OR_NONE: Final = 'cloud=~"$cloud|"'
"""Also what is of no cloud, such as the downtime exporter."""
_FIRING: Final = f'ALERTS{{alertstate="firing",severity=~"%s",{_IN_OR_NONE}}}'
_ANY: Final = "critical|warning"
_DOWNTIMES: Final = "topk by (downtime_id) (1, downtime:stratoscope_downtime_{}_timestamp_seconds:titled)"
_COVERED: Final = (
    f"max by (downtime_id, covers) (downtime:stratoscope_downtime_active:covers{{{_IN_OR_NONE}}})"
)
_COVERS: Final = f'ALERTS{{alertname="StratoscopeDowntimeActive",alertstate="firing",scope="%s",{_IN}}}'
_SCOPES: Final = {
    "cloud": "cloud",
    "zone": "cloud, zone",
    "host": "cloud, host",
    "project": "cloud, project_id",
    "vm": "cloud, vm_id",
}
"""Of a downtime, and the labels that an alert within it has of it, by which Alertmanager inhibits it."""
_IN_DOWNTIME: Final = "in downtime"
_KNOWN: Final = f"instance:stratoscope_build_info:known{{{_IN_OR_NONE}}}"
"""A record of the exporters: rules are loaded, and there is an exporter."""
_WATCHDOG: Final = f'ALERTS{{alertname="StratoscopeWatchdog",{_IN_OR_NONE}}}'
"""It always fires where rules are loaded."""
_LEADS: Final = "StratoscopeDowntimesWithoutLeader"
"""Each exporter of downtimes has a cell of this alert."""
_NO_RULES: Final = "no rules, or no exporter"
_MOST_ROWS: Final = 50
_NEAR: Final = 0.8
_OVER: Final = Look(colours=colours.over_threshold())
_ON_PURPOSE: Final = colours.steps(below=colours.PLANNED)
_RUNBOOK: Final = "docs/runbooks/${__value.text:percentencode}.md"
"""As in the rules. No variable: whoever makes a link to the board could give it another value."""
_UNSEEN: Final = "6"
_BADNESS: Final = words.badness(
    "works",
    "slow, or partly down",
    "nothing is seen",
    "down on purpose, in part or whole",
    "a probe or a service fails",
)
_STATES: Final = replace(
    _BADNESS, words={**(_BADNESS.words or {}), _UNSEEN: ("no exporter is seen", colours.UNKNOWN)}
)


@dataclass(frozen=True)
class Subject:
    """A panel of cells.

    Attributes:
        board: The uid of the board that explains them.
        heading: What its link says.
        alerts: Whose cells they are, without the prefix that all have.
        of_clouds: Whether that board has the variable `cloud`.
    """

    board: str
    heading: str
    alerts: Sequence[str]
    of_clouds: bool = True


SUBJECTS: Final[Mapping[str, Subject]] = {
    "VM creation": Subject(
        "create",
        "Can I create a VM?",
        (
            "VMCreationBroken", "ErrorBudgetBurnsFast", "ErrorBudgetBurns", "ObjectiveUnmeasured",
            "ProbeMisconfigured", "ProbeMissing", "ProbePaused", "ProbeObjectsLeft", "ProbeLimitNear",
            "ProbeLedgerFailing", "ProbePauseUnknown", "ProbeClockSkewed",
        ),
    ),
    "APIs and services": Subject(
        "management",
        "Is the management layer healthy?",
        (
            "APIDown", "APIGone", "ZoneServiceDown", "ServiceDown", "ServiceGone", "VMTransitionStuck",
            "MigrationStuck", "VMErrorsGrowing", "OrphansGrowing", "LogInRefused", "CloudGone",
            "BudgetExhausted", "CloudClockSkewed", "EventsMissed",
        ),
    ),
    "Hosts": Subject(
        "hosts",
        "Hosts and contention",
        (
            "HostDown", "ZoneDown", "HostGone", "HostDisabledByCloud", "HostOffTooLong",
            "LibvirtUnreachable", "LibvirtCallsHung", "HostOutOfMemory", "HostMemoryLow",
            "ConntrackNearlyFull", "PoolNearlyFull", "HostVMsOff",
        ),
    ),
    "VMs": Subject(
        "hosts",
        "Hosts and contention",
        (
            "VMStuck", "VMStorageFailing", "VMCrashed", "VMNetworkDown", "VMMisplaced", "HostContended",
            "PayloadStuck", "PacketRateHigh", "TinyPacketFlood", "PacketsDropped",
        ),
    ),
    "Capacity": Subject(
        "capacity",
        "Capacity and over-provisioning",
        (
            "FlavorFull", "FlavorFillingUp", "ZoneOvercommitted", "HostVCPUsOvercommitted",
            "HostMemoryOvercommitted", "BackendFull", "BackendFillingUp", "AddressesNearlyUsed",
        ),
    ),
    "Downtimes": Subject(
        "downtimes",
        "Downtimes",
        (
            "SilencesNotInStep", "DowntimesNotStored", "DowntimesWithoutLeader", "DowntimeImportLate",
            "DowntimeWindowStuck", "DowntimeClockSkewed",
        ),
        of_clouds=False,
    ),
    "The monitoring itself": Subject(
        "exporters",
        "Are the exporters themselves well?",
        (
            "ExporterDown", "ExporterGone", "CollectorFailing", "CollectorStale", "ClockAhead",
            "ReloadFailed", "CertificateExpires", "RulesOutdated", "ThresholdMissing",
            "RetentionTooShort",
        ),
    ),
}  # fmt: skip
"""Every cell is on one of these panels."""

_WHAT: Final = ", ".join(
    f'"{label}"'
    for label in (
        "host", "zone", "service", "binary", "backend", "pool", "flavor", "resource", "vm_name", "probe",
        "phase", "reason", "collector", "instance", "alertmanager", "source", "project_id", "sloth_slo",
        "state", "sort", "kind", "network_name",
    )
)  # fmt: skip
"""Labels of alerts that say what each is about."""

_TEXT: Final = common.VizTextDisplayOptions().title_size(12).value_size(26)
"""A subject has up to 14 cells."""
_NAMES: Final = common.VizTextDisplayOptions().title_size(11)
"""Of some clouds: else the longest name would make all too small to read."""
_SHARES: Final = common.VizTextDisplayOptions().title_size(11).value_size(32)
"""Beside one another: a share such as -1000 % would hide the name."""


def made() -> Dashboard:
    """For everybody: one look."""
    answer = "One look: what works, what is near or beyond its threshold, what is down on purpose."
    made = board.board("now", "Is it working for users now?", answer, board.clouds(), last="now-1h")
    made = made.with_panel(_state()).with_panel(_today()).with_panel(_budget())
    made = made.with_row(Row("At a glance: each check's worst value divided by its alert's threshold"))
    for title, subject in SUBJECTS.items():
        made = made.with_panel(_glance(title, subject))
    made = made.with_row(Row("What exactly")).with_panel(_where()).with_panel(_firing()).with_panel(_alerts())
    made = made.with_row(Row("Down on purpose")).with_panel(_downtimes())
    return board.with_closed_row(made, "Since when alerts fire", (_since(),))


def _state() -> Panel:
    good = "Works: users can create VMs, and all hosts and services are up. The worst of probes and services."
    queries = [
        Query(f'scope:stratoscope_availability:badness{{scope="cloud",{_IN}}}', "{{cloud}}"),
        Query(f"{_UNSEEN} * group({_WATCHDOG}) unless on () {_KNOWN}", "Prometheus"),
    ]
    about = About("Does the cloud work?", good, empty="neither probes nor services of a cloud are.")
    return cells(about, _STATES, *queries).span(10).text(_NAMES)


def _today() -> Panel:
    good = (
        "As near to 100 % as it can be. Red is below what the OLA asks of a month: ola_availability_ratio."
        " Of the minutes of this day (UTC) of which something is known."
    )
    of_cloud = f'{{scope="cloud",{_IN}}}'
    passed = "(60 + 60 * scalar(floor(vector(time() % 86400 / 60))))"
    up = f"scope:stratoscope_availability_up_seconds:today{of_cloud}"
    unknown = f"scope:stratoscope_availability_unknown_seconds:today{of_cloud}"
    about = About("Available today", good, empty="nothing is known of this day yet.")
    # The records of this minute may be still to come: a minute is not known yet.
    share = f"clamp_max({up} / ({passed} - {unknown} > 60), 1)"
    asked = "scalar(global:ola_availability_ratio:threshold)"
    too_little = f"{share} < {asked}"
    queries = [Query(f"{share} unless {too_little}", "{{cloud}}"), Query(too_little, "{{cloud}}")]
    bad = DynamicConfigValue(id_val="thresholds", value=colours.steps(below=colours.BAD).build())
    look = Look(unit="percentunit", colours=colours.steps((0.99, colours.GOOD), below=colours.NEAR))
    return cells(about, look, *queries).override_by_query("B", [bad]).span(6)


def _budget() -> Panel:
    look = Look(unit="percentunit", colours=colours.high_is_good(0, 0.25))
    query = Query(f"slo:period_error_budget_remaining:ratio{{{_IN}}}", "{{cloud}}: {{sloth_slo}}")
    return cells(words.BUDGET_LEFT, look, query).span(8).text(_SHARES)


def _glance(title: str, subject: Subject) -> Panel:
    """The worst cloud of each check."""
    good = (
        "Below 0.8: from there on it is near. From 1 on the condition of its alert holds, which fires when"
        " that has lasted. Blue is down on purpose: a downtime covers all its alerts in a cloud."
        " A check without a threshold has 0 or 1. What is not measured is not here."
    )
    about = About(title, good, empty="nothing of this is.")
    alerts = "|".join(f"Stratoscope{one}" for one in subject.alerts)
    chosen = f'{{{_IN_OR_NONE},alert=~"{alerts}"}}'
    named = f'label_replace({PLANNED}{chosen}, "check", "$1, {_IN_DOWNTIME}", "check", "(.+)")'
    worst = f"topk by (check) (1, {CELL}{chosen} unless {PLANNED} or {named})"
    query = Query(worst, "{{check}}")
    given = ["${datasource:queryparam}", "${__url_time_range}"]
    given += ["${cloud:queryparam}"] if subject.of_clouds else []
    links = [{"title": subject.heading, "url": f"/d/stratoscope-{subject.board}?{'&'.join(given)}"}]
    panel = cells(about, _OVER, query).height(4).decimals(2).text(_TEXT)
    panel = panel.override_by_regexp(".*", [DynamicConfigValue(id_val="links", value=links)])
    planned = DynamicConfigValue(id_val="thresholds", value=_ON_PURPOSE.build())
    return panel.override_by_regexp(f".*, {_IN_DOWNTIME}", [planned])


def _where() -> Panel:
    good = (
        f"None: all values are below {_NEAR}. The name of an alert leads to its runbook."
        " In downtime: a downtime covers all alerts of this name in the cloud, as Alertmanager inhibits them."
    )
    about = About("Which cloud", good, empty=f"all values are below {_NEAR}.", word=_NO_RULES, seen=_KNOWN)
    words = {"-1": (_IN_DOWNTIME, colours.PLANNED)}
    columns = [
        Column("check", "Check"),
        Column("cloud", "Cloud"),
        Column("Value", "Value over threshold", Look(colours=colours.over_threshold(), words=words)),
        Column("alert", "Alert", link=_RUNBOOK),
    ]
    planned = f"-1 * group by (cloud, check, alert) ({PLANNED}{{{_IN_OR_NONE}}})"
    query = Query(f"topk({_MOST_ROWS}, {CELL}{{{_IN_OR_NONE}}} >= {_NEAR} unless {PLANNED} or {planned})")
    return _sorted(rows(about, columns, query), "Value over threshold", worst_first=True)


def _not_planned(severity: str) -> str:
    """Alerts that fire and that no active downtime covers."""
    covered = (f" unless on ({labels}) {_COVERS % scope}" for scope, labels in _SCOPES.items())
    return f"{_FIRING % severity}{''.join(covered)}"


def _firing() -> Panel:
    good = (
        "None is critical. All of them, also where the table below has too few rows."
        " In downtime: what an active downtime covers, and Alertmanager inhibits."
    )
    about = About("How many alerts fire", good, empty="nobody looks.", word=_NO_RULES)
    alerts = {severity: _not_planned(severity) for severity in ("critical", "warning")}
    alerts[_IN_DOWNTIME] = f"{_FIRING % _ANY} unless ({_not_planned(_ANY)})"
    queries = [Query(f"count({found}) or 0 * group({_KNOWN})", name) for name, found in alerts.items()]
    panel = cells(about, Look(colours=colours.steps((1, colours.NEAR))), *queries).height(3)
    for name, colour in (("critical", colours.BAD), (_IN_DOWNTIME, colours.PLANNED)):
        steps = colours.steps((1, colour)).build()
        panel = panel.override_by_name(name, [DynamicConfigValue(id_val="thresholds", value=steps)])
    return panel


def _alerts() -> Panel:
    good = (
        "None. The name leads to the runbook, which says what to do."
        f" At most {_MOST_ROWS}: first those that are critical, last those that an active downtime covers."
        " The last row of this page says since when."
    )
    about = About(
        "Alerts that fire", good, "no alert fires but those for information.", word=_NO_RULES, seen=_KNOWN
    )
    marked = f"{_not_planned(_ANY)} or 0 * {_FIRING % _ANY}"
    worst = f'max by (severity, cloud, alertname, what) (label_join({marked}, "what", " ", {_WHAT}))'
    ranks = " or ".join(
        f'label_replace(vector({rank}), "severity", "{severity}", "", "")'
        for rank, severity in ((2, "critical"), (1, "warning"))
    )
    expr = f"topk({_MOST_ROWS}, {worst} * on (severity) group_left () ({ranks}))"
    words = {
        "0": (_IN_DOWNTIME, colours.PLANNED),
        "1": ("warning", colours.NEAR),
        "2": ("critical", colours.BAD),
    }
    columns = [
        Column("Value", "Severity", Look(words=words)),
        Column("cloud", "Cloud"),
        Column("alertname", "Alert", link=_RUNBOOK),
        Column("what", "What"),
    ]
    return _sorted(rows(about, columns, Query(expr)), "Severity", worst_first=True)


def _since() -> Panel:
    good = (
        f"None. The newest are first, {_MOST_ROWS} at most, with those that a downtime covers. Since: when"
        " what the alert is about began. It begins anew when Prometheus is restarted, unless the alert waits"
        " for 10 minutes or longer."
    )
    about = About(
        "Since when", good, "no alert fires but those for information.", word=_NO_RULES, seen=_KNOWN
    )
    began = f'ALERTS_FOR_STATE{{severity=~"{_ANY}",{_IN_OR_NONE}}} and ignoring (alertstate) {_FIRING % _ANY}'
    first = f'min by (severity, cloud, alertname, what) (label_join({began}, "what", " ", {_WHAT}))'
    severities = Look(words={"warning": ("warning", colours.NEAR), "critical": ("critical", colours.BAD)})
    columns = [
        Column("Value", "Since", Look(unit="dateTimeAsIso")),
        Column("severity", "Severity", severities),
        Column("cloud", "Cloud"),
        Column("alertname", "Alert", link=_RUNBOOK),
        Column("what", "What"),
    ]
    return _sorted(
        rows(about, columns, Query(f"topk({_MOST_ROWS}, 1000 * {first})")), "Since", worst_first=True
    )


def _downtimes() -> Panel:
    good = (
        "What was announced, and nothing else. Of the next 7 days, the first 20. What: the cloud, zone, host,"
        " project, VM or service that it covers now, or how many; its patterns are on the exporter's page."
    )
    empty = "nothing is down on purpose, or will be."
    about = About("Downtimes now and planned", good, empty, seen=f'{CELL}{{{_IN_OR_NONE},alert="{_LEADS}"}}')
    moment = Look(unit="dateTimeAsIso")
    columns = [
        Column("title", "Title"),
        Column("covers", "What"),
        Column("severity", "Severity"),
        Column("planned", "Planned"),
        Column("Value #A", "From", moment),
        Column("Value #B", "Until", moment),
    ]
    start, end = (_DOWNTIMES.format(one) for one in ("start", "end"))
    first = f"and on (downtime_id) bottomk(20, {start})"
    queries = [Query(f"1000 * ({_with_what(one)} {first})") for one in (start, end)]
    return _sorted(rows(about, columns, *queries), "From")


def _with_what(moments: str) -> str:
    """Of each downtime, with what it covers now: its name, or how many things."""
    number = f"sum by (downtime_id) ({_COVERED})"
    many = f'count_values by (downtime_id) ("number", {number} > 1)'
    many = f'label_replace({many}, "covers", "$1 things", "number", "(.+)")'
    what = f"group by (downtime_id, covers) ({_COVERED} and on (downtime_id) {number} == 1 or {many})"
    named = f"{what} * on (downtime_id) group_left (title, severity, planned) {moments}"
    return f"({named} or on (downtime_id) {moments})"


def _sorted(panel: table.Panel, heading: str, *, worst_first: bool = False) -> Panel:
    state = common.TableSortByFieldState().display_name(heading).desc(worst_first)
    return panel.sort_by([state])
