"""Are the exporters themselves well? Whether they are there, what they fail to collect, what they cost."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours
from boards.panels import UNSURE, About, Column, Look, Panel, Query, highest, lines, lowest, rows

_IN: Final = 'cloud=~"$cloud|"'
"""Also what is of no cloud, such as the downtime exporter, or an exporter of several clouds."""
_COLLECTOR: Final = "{{cloud}} {{collector}}"
"""Without a colon: some are of no cloud."""
_RATE: Final = "[$__rate_interval]"
_ASKED: Final = f"stratoscope_cloud_requests_total{{{_IN}}}"
_REQUESTS: Final = f"rate({_ASKED}{_RATE})"
_KNOWN: Final = f"instance:stratoscope_build_info:known{{{_IN}}}"
_COLLECTED: Final = f"stratoscope_collector_success{{{_IN}}}"
"""Each exporter says this of each of its collectors."""
_MOST_LINES: Final = 10
_MOST_ROWS: Final = 50
_OF_EXPORTER: Final = "cloud, job, instance"
"""Two sites can have exporters with the same job and instance."""
_OF_COLLECTOR: Final = f"{_OF_EXPORTER}, collector"
_BUILD: Final = f"group by ({_OF_EXPORTER}, exporter) (stratoscope_build_info{{{_IN}}})"


def made() -> Dashboard:
    """For whoever runs the monitoring."""
    answer = (
        "For whoever runs the monitoring: are the exporters there, what do they fail to collect, and why?"
    )
    made = board.board("exporters", "Are the exporters themselves well?", answer, board.clouds())
    rows_of_panels = {
        "Are they there?": (_versions(), _down(), _certificates()),
        "Collectors": (_failing(), _left_out(), _age(), _duration()),
        "Requests to clouds": (_requests(), _budget(), _waiting(), _refused(), _clocks()),
        "What is not shown": (_dropped(), _malformed(), _not_compared()),
        "What it costs": (_cpu(), _memory(), _scrape(), _rules()),
    }
    return board.with_rows(made, rows_of_panels)


def _versions() -> Panel:
    good = "All exporters have the version of the rules, or one that fits them."
    expr = (
        f"count by (cloud, exporter, version) (stratoscope_build_info{{{_IN}}})"
        ' or label_replace(count by (version) (stratoscope_rules_info), "exporter", "(the rules)", "", "")'
    )
    columns = [
        Column("exporter", "Exporter"),
        Column("cloud", "Cloud"),
        Column("version", "Version"),
        Column("Value", "Running", Look(unit="none")),
    ]
    return rows(About("Versions", good), columns, Query(expr)).span(12)


def _down() -> Panel:
    good = "None. What an exporter shows is not known while Prometheus cannot scrape it."
    about = About("Exporters that do not answer", good, empty="all exporters answer.", seen=_KNOWN)
    expr = f"topk({_MOST_ROWS}, up{{{_IN}}} == 0 and on ({_OF_EXPORTER}) {_KNOWN})"
    columns = [
        Column("cloud", "Cloud"),
        Column("job", "Job"),
        Column("instance", "Instance"),
        Column("Value", "Up", Look(words={"0": ("does not answer", colours.BAD)})),
    ]
    return rows(about, columns, Query(expr)).span(12)


def _certificates() -> Panel:
    good = "Above the threshold: they are renewed in time. The ten that expire first."
    about = About("Time until certificates expire", good, empty="no exporter has TLS.", word=UNSURE)
    left = lowest(_MOST_LINES, f"stratoscope_web_certificate_expires_timestamp_seconds{{{_IN}}} - time()")
    threshold = Query("max(global:certificate_left_seconds:threshold)", "threshold")
    return lines(about, "s", Query(left, "{{cloud}} {{job}} {{instance}}"), threshold).span(24)


def _failing() -> Panel:
    good = "None, or few now and then. Internal is a bug: the log has its traceback."
    about = About(
        "Collections that failed within an hour, and why", good, empty="none failed.", seen=_COLLECTED
    )
    expr = (
        f"topk({_MOST_ROWS}, sum by (cloud, instance, collector, reason) ("
        f"increase(stratoscope_collector_errors_total{{{_IN}}}[1h])) > 0)"
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("instance", "Exporter"),
        Column("collector", "Collector"),
        Column("reason", "Reason"),
        Column("Value", "Failures", Look(unit="none", colours=colours.steps((1, colours.NEAR)))),
    ]
    return rows(about, columns, Query(expr)).decimals(0)


def _left_out() -> Panel:
    good = "What you switched off, and what the cloud does not have. With unauthorized a right is missing."
    about = About("What is left out, and why", good, empty="nothing is left out.", seen=_COLLECTED)
    found = f"stratoscope_collector_left_out{{{_IN}}} == 1"
    expr = f"topk({_MOST_ROWS}, count by (cloud, collector, reason) ({found}))"
    columns = [
        Column("cloud", "Cloud"),
        Column("collector", "Collector, subject or part"),
        Column("reason", "Reason"),
        Column("Value", "Exporters", Look(unit="none")),
    ]
    return rows(about, columns, Query(expr))


def _age() -> Panel:
    good = (
        "Below 2. How old the last success of a collector in the background is, divided by its interval."
        " Stale above the threshold. The oldest ten."
    )
    age = f"collector:stratoscope_collector_last_success_age:intervals{{{_IN}}}"
    expr = highest(_MOST_LINES, f"max by (cloud, collector) ({age})")
    threshold = Query("max(global:collector_stale_intervals:threshold)", "threshold")
    return lines(About("Age over interval", good), "none", Query(expr, _COLLECTOR), threshold)


def _duration() -> Panel:
    good = "Below 50 %. At 100 % a collection is ended, and fails. The longest ten."
    expr = highest(
        _MOST_LINES,
        "max by (cloud, collector) ("
        f"max by ({_OF_COLLECTOR}) (stratoscope_collector_duration_seconds{{{_IN}}})"
        f" / on ({_OF_COLLECTOR}) max by ({_OF_COLLECTOR}) (stratoscope_collector_timeout_seconds))",
    )
    return lines(About("Duration over time-out", good), "percentunit", Query(expr, _COLLECTOR))


def _requests() -> Panel:
    good = "Steady. Requests per second, by the service that is asked: the ten most."
    expr = highest(_MOST_LINES, f"sum by (cloud, service) ({_REQUESTS})")
    return lines(About("Requests", good), "reqps", Query(expr, "{{cloud}}: {{service}}"))


def _budget() -> Panel:
    good = "Below 80 %. Requests per second, divided by what the budget of the exporter allows."
    expr = (
        f"max by (cloud) (sum by ({_OF_EXPORTER}) ({_REQUESTS})"
        f" / on ({_OF_EXPORTER})"
        f" max by ({_OF_EXPORTER}) (stratoscope_cloud_budget_requests_per_second))"
    )
    return lines(About("Used of the budget", good), "percentunit", Query(expr, "{{cloud}}"))


def _waiting() -> Panel:
    good = "Near 0. Seconds per second that requests wait for the budget; the alert has the threshold drawn."
    about = About("Waiting for the budget", good)
    expr = f"max by (cloud) (rate(stratoscope_cloud_wait_seconds_total{{{_IN}}}{_RATE}))"
    threshold = Query("max(global:budget_wait_ratio:threshold)", "threshold")
    return lines(about, "none", Query(expr, "{{cloud}}"), threshold)


def _refused() -> Panel:
    good = "None, but 404 now and then, of what vanished between two requests. A timeout has no code."
    about = About("Requests without success", good, empty="all requests succeed.", seen=_ASKED)
    failed = f'stratoscope_cloud_requests_total{{{_IN},code!~"[23].."}}'
    expr = highest(_MOST_LINES, f"sum by (cloud, service, code) (rate({failed}{_RATE})) > 0")
    return lines(about, "reqps", Query(expr, "{{cloud}}: {{service}} {{code}}"))


def _clocks() -> Panel:
    good = (
        "Near 0, the threshold at most: by how much clocks of services and of exporters differ, the ten that"
        " differ most. All services of a cloud alike: it is the exporter's."
    )
    about = About("Clocks of clouds", good)
    skew = f"max by (cloud, service) (abs(stratoscope_cloud_clock_skew_seconds{{{_IN}}}))"
    threshold = Query("max(global:cloud_clock_skew_seconds:threshold)", "threshold")
    return lines(about, "s", Query(highest(_MOST_LINES, skew), "{{cloud}}: {{service}}"), threshold).span(24)


def _dropped() -> Panel:
    good = "None. Duplicates and invalid samples are bugs; max_series is a limit of the configuration."
    about = About("Samples dropped within an hour", good, empty="none was dropped.", seen=_COLLECTED)
    return rows(about, _columns_of_lost("Samples", "reason"), _lost("dropped_samples", "reason"))


def _malformed() -> Panel:
    good = "None. What a source sends that it must not, is left out and counted; the rest is shown."
    about = About("Malformed items within an hour", good, empty="no item was malformed.", seen=_COLLECTED)
    return rows(about, _columns_of_lost("Items"), _lost("malformed_items"))


def _not_compared() -> Panel:
    good = "0. Of these hosts nobody knows whether allocations fit their VMs: no provider has their id."
    empty = "no exporter compares allocations with VMs."
    about = About("Hosts whose allocations are not compared", good, empty=empty)
    hosts = f"max by (cloud) (stratoscope_management_allocation_unjudged_hosts{{{_IN}}})"
    return lines(about, "short", Query(highest(_MOST_LINES, hosts), "{{cloud}}")).span(24)


def _lost(what: str, *labels: str) -> Query:
    by = ", ".join(["cloud", "instance", "collector", *labels])
    increase = f"increase(stratoscope_collector_{what}_total{{{_IN}}}[1h])"
    return Query(f"topk({_MOST_ROWS}, sum by ({by}) ({increase}) > 0)")


def _columns_of_lost(what: str, *labels: str) -> list[Column]:
    some = Look(unit="none", colours=colours.steps((1, colours.NEAR)))
    names = {"cloud": "Cloud", "instance": "Exporter", "collector": "Collector"}
    names |= {label: label.capitalize() for label in labels}
    return [*(Column(label, heading) for label, heading in names.items()), Column("Value", what, some)]


def _of_exporters(value: str) -> Query:
    """The ten largest of what a process says of itself, with the exporter that it is."""
    expr = f"{value} * on ({_OF_EXPORTER}) group_left (exporter) topk by ({_OF_EXPORTER}) (1, {_BUILD})"
    return Query(highest(_MOST_LINES, expr), "{{cloud}} {{exporter}} {{instance}}")


def _cpu() -> Panel:
    good = "Below 1: Python uses one CPU. The ten exporters that use most."
    return lines(About("CPUs", good), "none", _of_exporters(f"rate(process_cpu_seconds_total{_RATE})"))


def _memory() -> Panel:
    good = "Steady after a day. The ten exporters that use most."
    return lines(About("Memory", good), "bytes", _of_exporters("process_resident_memory_bytes"))


def _scrape() -> Panel:
    good = "Below the scrape_timeout, which is 10 s unless you changed it. The ten slowest."
    return lines(About("Duration of a scrape", good), "s", _of_exporters("scrape_duration_seconds"))


def _rules() -> Panel:
    good = "Below 50 % of its interval; a group that takes longer leaves evaluations out. The ten longest."
    empty = "Prometheus does not scrape itself."
    about = About("Evaluation of a group of rules over its interval", good, empty=empty)
    expr = highest(
        _MOST_LINES,
        "label_replace(prometheus_rule_group_last_duration_seconds"
        ' / prometheus_rule_group_interval_seconds, "group", "$1", "rule_group", ".*;(.+)")',
    )
    return lines(about, "percentunit", Query(expr, "{{group}}"))
