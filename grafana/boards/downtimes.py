"""Downtimes: what is down on purpose, what will be, and whether their silences and sources are in order."""

from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours
from boards.panels import About, Column, Look, Panel, Query, cells, lines, rows, stacked

_OF: Final = "stratoscope_downtime_"
_MOMENT: Final = Look(unit="dateTimeAsIso")
_AGO: Final = Look(unit="s")
_LAST_INFO: Final = f"(topk by (downtime_id) (1, timestamp({_OF}info)))"
"""Of each downtime; replicas that are scraped before and after an edit have one each."""
_INFO: Final = f"group by (downtime_id, title, severity, planned, source) {_LAST_INFO}"
_START: Final = f"max by (downtime_id) ({_OF}start_timestamp_seconds)"
_END: Final = f"max by (downtime_id) ({_OF}end_timestamp_seconds)"
_YES: Final = colours.steps((1, colours.BAD))
_SOME: Final = colours.steps((1, colours.NEAR))
_SEEN: Final = f"{_OF}leader"
"""Each exporter of downtimes says whether it leads."""
_HOSTS_SEEN: Final = 'stratoscope_collector_success{collector="hosts_off"} == 1'


def made() -> Dashboard:
    """For operators, and whoever asks why nobody was notified."""
    answer = "What is down on purpose now and next, and whether Alertmanager's silences follow it."
    made = board.board("downtimes", "Downtimes", answer, last="now-24h")
    rows_of_panels = {
        "Now and next": (_active(), _covered(), _planned(), _soon_over(), _number()),
        "Hosts that are switched off": (_hosts(),),
        "Silences": (_in_step(), _leader(), _database(), _alertmanagers()),
        "Where downtimes come from": (_imports(), _skipped(), _windows()),
    }
    return board.with_rows(made, rows_of_panels)


def _with_info(which: str, moment: str) -> str:
    """A moment in milliseconds, as Grafana wants it, of the downtimes whose start is chosen."""
    return (
        f"topk(100, 1000 * ({moment} and on (downtime_id) ({_START} {which} time()))"
        f" * on (downtime_id) group_left (title, severity, planned, source) {_INFO})"
    )


def _listed(about: About, which: str) -> Panel:
    columns = [
        Column("title", "Title"),
        Column("severity", "Severity"),
        Column("planned", "Planned"),
        Column("source", "Filed by"),
        Column("downtime_id", "Id"),
        Column("Value #A", "From", _MOMENT),
        Column("Value #B", "Until", _MOMENT),
    ]
    return rows(about, columns, Query(_with_info(which, _START)), Query(_with_info(which, _END)))


def _active() -> Panel:
    good = "What was announced, and nothing else. The end of a downtime until further notice moves on."
    return _listed(About("Down on purpose now", good, empty="nothing is down on purpose.", seen=_SEEN), "<=")


def _planned() -> Panel:
    good = "What was announced. Of the next 7 days; the exporter's own page and its feeds have all."
    return _listed(About("Planned next", good, empty="nothing is planned within 7 days.", seen=_SEEN), ">")


def _covered() -> Panel:
    good = (
        "What was announced. Alerts about it are silent. Of a pattern, or what is excluded, this is all that"
        " labels can show: the page of the downtime has the rest."
    )
    about = About("What active downtimes cover", good, empty="nothing is down on purpose.", seen=_SEEN)
    labels = (
        "scope",
        "cloud",
        "zone",
        "host",
        "service",
        "project_id",
        "vm_id",
        "severity",
        "silences",
        "downtime_id",
    )
    headings = ("Scope", "Cloud", "Zone", "Host", "Service", "Project", "VM", "Severity", "Silences", "Id")
    columns = [Column(label, heading) for label, heading in zip(labels, headings, strict=True)]
    patterns = f'label_replace({_OF}active_patterns, "scope", "a pattern", "", "")'
    return rows(
        about, columns, Query(f"topk(100, group by ({', '.join(labels)}) ({_OF}active or {patterns}))")
    )


def _soon_over() -> Panel:
    good = "None that should last longer: extend it, or its alerts are notified of again."
    about = About("Downtimes that end soon", good, empty="no downtime ends soon.", seen=_SEEN)
    left = f"({_END} and on (downtime_id) {_OF}notice == 1) - time()"
    info = f"* on (downtime_id) group_left (title) group by (downtime_id, title) {_LAST_INFO}"
    columns = [Column("title", "Title"), Column("downtime_id", "Id"), Column("Value", "Time left", _AGO)]
    return rows(about, columns, Query(f"topk(50, ({left}) {info})")).span(12)


def _number() -> Panel:
    good = "Few that last. Active ones, and those that start within 7 days."
    query = Query(f"sum by (state) (max by (cloud, job, state) ({_OF}downtimes))", "{{state}}")
    return stacked(lines(About("Number of downtimes", good), "none", query))


def _hosts() -> Panel:
    good = (
        "None that nobody works on. Off too long: its alerts are no longer silent. At risk: disabled, but up."
    )
    about = About("Hosts", good, empty="no host is switched off.", seen=_HOSTS_SEEN)
    metrics = {
        "host_off": ("Off on purpose", colours.steps((1, colours.PLANNED))),
        "host_off_by_script": ("Off, says the script", colours.steps((1, colours.PLANNED))),
        "host_at_risk": ("At risk", _SOME),
        "host_off_too_long": ("Off too long", _YES),
    }
    columns = [Column("cloud", "Cloud"), Column("host", "Host")]
    for place, (heading, steps) in zip("ABCD", metrics.values(), strict=True):
        words = {"0": ("no", colours.GOOD), "1": ("yes", steps.build().steps[-1].color)}
        columns.append(Column(f"Value #{place}", heading, Look(words=words)))
    queries = [Query(f"topk(100, max by (cloud, host) ({_OF}{metric}))") for metric in metrics]
    return rows(about, columns, *queries)


def _whose(expr: str) -> str:
    """With the job, and the cloud if its targets have one: who has several installations tells them apart.

    Each is one exporter, or several of one database.
    """
    return f'label_join({expr}, "exporters", " ", "job", "cloud")'


def _in_step() -> Panel:
    good = "In step: each downtime has its silences there, and no other is ours."
    look = Look(words={"0": ("not in step", colours.BAD), "1": ("in step", colours.GOOD)})
    about = About(
        "Do silences follow the downtimes?", good, empty="no Alertmanager is configured.", seen=_SEEN
    )
    in_step = _whose(f"max by (cloud, job, alertmanager) ({_OF}silences_in_step)")
    return cells(about, look, Query(in_step, "{{alertmanager}}, {{exporters}}")).span(12)


def _alertmanagers() -> Panel:
    good = (
        "As many there as wanted, none overridden. By the rules' values, in order within the last"
        " silences_late_seconds, and clocks that differ by less than clock_skew_seconds."
    )
    about = About("Alertmanagers", good, empty="no Alertmanager is configured.", seen=_SEEN)
    by = "by (cloud, job, alertmanager)"
    metrics = (
        f"max {by} ({_OF}silences_wanted)",
        f"max {by} ({_OF}silences_present)",
        f"max {by} (sum by (cloud, job, alertmanager, instance) ({_OF}silences_overridden))",
        f"clamp_min(time() - max {by} ({_OF}last_sync_timestamp_seconds), 0)",
        f"max {by} ({_OF}alertmanager_clock_skew_seconds)",
        f"sum {by} (increase({_OF}sync_errors_total[1h]))",
    )
    columns = [
        Column("exporters", "Exporters"),
        Column("alertmanager", "Alertmanager"),
        Column("Value #A", "Silences wanted", Look()),
        Column("Value #B", "there", Look()),
        Column("Value #C", "Overridden by hand", Look(colours=_SOME)),
        Column("Value #D", "Last in order", _AGO),
        Column("Value #E", "Clock ahead by", _AGO),
        Column("Value #F", "Errors of the last hour", Look(unit="none")),
    ]
    return rows(about, columns, *map(Query, map(_whose, metrics))).height(5)


def _leader() -> Panel:
    good = "One leads; the others of the same database wait. If two lead, both write silences."
    words = {
        "0": ("nobody leads", colours.BAD),
        "1": ("one leads", colours.GOOD),
        "2": ("two lead", colours.BAD),
    }
    look = Look(words=words, colours=colours.steps((1, colours.GOOD), (2, colours.BAD), below=colours.BAD))
    leaders = _whose(f"sum by (cloud, job) ({_OF}leader)")
    return cells(About("Leader", good), look, Query(leaders, "{{exporters}}")).span(12)


def _database() -> Panel:
    good = "Stored, for each reason why a change could not be."
    look = Look(words={"0": ("stored", colours.GOOD), "1": ("refused", colours.BAD)})
    about = About("Are changes stored?", good)
    refused = _whose(f"max by (cloud, job, reason) ({_OF}database_refused)")
    names = common.VizTextDisplayOptions().title_size(12).value_size(32)
    return cells(about, look, Query(refused, "{{reason}}, {{exporters}}")).text(names)


def _imports() -> Panel:
    good = (
        "Read within import_late_seconds, a value of the rules; nothing without an entry of the mapping."
        " Held: vanished at the source, for now."
    )
    about = About("Imports", good, empty="no source of downtimes is configured.", seen=_SEEN)
    by = "by (cloud, job, source)"
    metrics = (
        f"clamp_min(time() - max {by} ({_OF}import_last_success_timestamp_seconds), 0)",
        f"max {by} ({_OF}import_rows)",
        f"max {by} ({_OF}import_unmapped_rows)",
        f"max {by} ({_OF}import_held_rows)",
        f"sum {by} (increase({_OF}import_errors_total[1h]))",
    )
    columns = [
        Column("exporters", "Exporters"),
        Column("source", "Source"),
        Column("Value #A", "Last complete answer", _AGO),
        Column("Value #B", "Downtimes", Look()),
        Column("Value #C", "Without a mapping", Look(colours=_SOME)),
        Column("Value #D", "Held", Look()),
        Column("Value #E", "Errors of the last hour", Look(unit="none")),
    ]
    return rows(about, columns, *map(Query, map(_whose, metrics))).height(6)


def _skipped() -> Panel:
    good = "None. Rows that the source gave and that cannot be read."
    read = f"{_OF}import_rows or {_SEEN} unless on () {_OF}import_errors_total"  # or there is no source
    about = About("Rows that were left out", good, empty="all rows could be read.", seen=read)
    columns = [
        Column("exporters", "Exporters"),
        Column("source", "Source"),
        Column("reason", "Reason"),
        Column("Value", "Rows", Look(colours=_SOME)),
    ]
    skipped = f"topk(50, max by (cloud, job, source, reason) ({_OF}import_skipped_rows))"
    return rows(about, columns, Query(_whose(skipped))).span(12)


def _windows() -> Panel:
    good = "0: each recurring window files its next occurrence."
    about = About("Windows that file nothing", good, empty="no recurring window is stuck.", seen=_SEEN)
    stuck = _whose(f"max by (cloud, job, reason) ({_OF}windows_stuck)")
    return cells(about, Look(colours=_YES), Query(stuck, "{{reason}}, {{exporters}}")).span(12)
