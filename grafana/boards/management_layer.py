"""Is the management layer healthy? Its APIs and services, what waits or failed, how well it is watched."""

from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from boards import board, colours, events, moves_and_orphans
from boards.panels import (
    NOT_MEASURED,
    UNSURE,
    About,
    Column,
    Look,
    Panel,
    Query,
    bars,
    cells,
    highest,
    lines,
    rows,
    stacked,
    timeline,
)

_IN: Final = board.IN
_RATE: Final = "[$__rate_interval]"
_ANSWERS: Final = Look(words={"1": ("answers", colours.GOOD), "0": ("down", colours.BAD)})
_STATES: Final = Look(words={"0": ("down", colours.BAD), "-1": ("down, in downtime", colours.PLANNED)})
_SERVICES: Final = f"service:stratoscope_management_service_up:max{{{_IN}}}"
_DOWN: Final = f"{_SERVICES} == 0"
_PLANNED: Final = board.in_downtime(_DOWN)
_VMS: Final = f"stratoscope_management_vms_whole{{{_IN}}}"
"""Who lists the VMs says whether these are all."""
_WATCHED: Final = f"{_VMS} or endpoint:stratoscope_management_endpoint_up:max{{{_IN}}}"
"""An exporter watches the management layer: others ask clouds, and collect, too, but not all that is here."""
_COUNTED: Final = ("volumes", "snapshots", "images", "networks", "routers", "ports", "floating_ips")
"""Each by its state; what other services have is counted by one metric."""
_FAILED: Final = (
    *("error", "error_backing-up", "error_deleting", "error_extending", "error_managing", "error_restoring"),
    *("ERROR", "killed", "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"),
)
"""States in which something is of no use until somebody acts, as sources spell them."""
_COLLECTOR: Final = "{{cloud}}: {{collector}}"


def made() -> Dashboard:
    """For operators of the management layer."""
    answer = (
        "For operators: do the APIs answer, are the services up, does anything hang, is it watched at all?"
    )
    made = (
        board.board("management", "Is the management layer healthy?", answer, board.clouds())
        .with_row(Row("APIs, as the exporters find them"))
        .with_panel(_apis())
        .with_panel(_latency())
        .with_panel(_operations())
        .with_panel(_errors())
        .with_panel(_logins())
        .with_row(Row("Services"))
        .with_panel(_services_up())
        .with_panel(_services_down())
        .with_panel(_services_disabled())
        .with_row(Row("What waits, and what failed"))
        .with_panel(_waiting())
        .with_panel(_in_error())
        .with_panel(_in_transition())
        .with_panel(_orphans())
        .with_panel(_things())
        .with_panel(moves_and_orphans.orphans())
        .with_row(Row("Do the layers say the same?"))
        .with_panel(_disagreements())
        .with_panel(_allocations())
        .with_panel(_which_allocations())
        .with_row(Row("Migrations"))
        .with_panel(moves_and_orphans.under_way())
        .with_panel(moves_and_orphans.outcomes())
        .with_panel(moves_and_orphans.pairs())
        .with_row(Row("Is it watched well?"))
        .with_panel(_age())
        .with_panel(_left_out())
        .with_panel(_failing())
        .with_panel(_budget())
        .with_panel(_requests())
        .with_panel(_spread())
        .with_panel(_whole())
    )
    of_events = (events.streams(), events.outcomes(), events.missed())
    return board.with_closed_row(made, "Events: does the cloud say itself what happens?", of_events)


def _apis() -> Panel:
    good = "All answer in time, each at its own endpoint."
    query = Query(f"endpoint:stratoscope_management_endpoint_up:max{{{_IN}}}", "{{cloud}}: {{service}}")
    return timeline(About("Do the APIs answer?", good), _ANSWERS, query)


def _latency() -> Panel:
    good = "Below 1 s. 95 of 100 requests for the version document of the service are quicker."
    bucket = f"stratoscope_management_endpoint_latency_seconds_bucket{{{_IN}}}"
    buckets = f"sum by (cloud, service, le) (rate({bucket}{_RATE}))"
    query = Query(highest(15, f"histogram_quantile(0.95, {buckets})"), "{{cloud}}: {{service}}")
    return lines(About("How soon the APIs answer", good), "s", query)


def _operations() -> Panel:
    good = "Below 5 s: the mean duration of what the exporters asked within the hour, slowest first."
    of = "sum by (cloud, service, operation)"
    seconds = f"{of} (increase(stratoscope_cloud_request_seconds_total{{{_IN}}}[1h]))"
    requests = f"{of} (increase(stratoscope_cloud_requests_total{{{_IN}}}[1h]))"
    look = Look(unit="s", colours=colours.steps((1, colours.NEAR), (5, colours.BAD)))
    query = Query(f"topk(10, {seconds} / ({requests} > 0))", "{{cloud}}: {{service}}, {{operation}}")
    return bars(About("Slowest operations", good), look, query)


def _errors() -> Panel:
    good = (
        "None. Requests a second that got an error, or no answer. 404 is left out: it says that a VM is gone."
    )
    about = About("Requests that fail", good, empty="no request failed.", seen=_WATCHED)
    failed = f'rate(stratoscope_cloud_requests_total{{{_IN},code!~"[23]..|404"}}{_RATE})'
    query = Query(
        highest(15, f"sum by (cloud, service, code) ({failed}) > 0"), "{{cloud}}: {{service}}, {{code}}"
    )
    return lines(about, "reqps", query)


def _logins() -> Panel:
    good = (
        "All are ok. Each run of a probe logs in, the others do once a token. Refused: the password is wrong."
    )
    query = Query(
        f"sum by (cloud, result) (increase(stratoscope_cloud_logins_total{{{_IN}}}[1h]))",
        "{{cloud}}: {{result}}",
    )
    return lines(About("Log-ins of an hour", good), "short", query)


def _services_up() -> Panel:
    good = (
        "All at 100 %. Of those that nobody disabled, the share that is alive, by what they are, in the worst"
        " zone; worst first. Those that are down in a downtime do not count."
    )
    look = Look(unit="percentunit", colours=colours.high_is_good(0.5, 1))
    alive = f"avg by (cloud, service, binary, zone) ({_SERVICES} unless ({_PLANNED}))"
    worst = f"min by (cloud, service, binary) ({alive})"
    query = Query(f"bottomk(20, {worst})", "{{cloud}}: {{service}}, {{binary}}")
    return bars(About("Services that are alive", good), look, query).max(1).span(24)


def _services_down() -> Panel:
    good = (
        "None that is not in downtime: of its host, zone or cloud. Also those on hosts that are down, which"
        " explain them."
    )
    about = About("Services that are down", good, empty="all services are up.", seen=_SERVICES)
    down = f"topk(50, -1 + 0 * ({_PLANNED}) or {_DOWN})"
    heard = (
        "max by (cloud, service, binary, host, zone)"
        f" (stratoscope_management_service_heartbeat_timestamp_seconds{{{_IN}}})"
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("binary", "What it is"),
        Column("host", "Host"),
        Column("zone", "Zone"),
        Column("Value #A", "State", _STATES),
        Column("Value #B", "Last heard of, ago", Look(unit="s")),
    ]
    seen = f"clamp_min(time() - {heard}, 0) and on (cloud, service, binary, host, zone) {down}"
    return rows(about, columns, Query(down), Query(seen))


def _services_disabled() -> Panel:
    good = "Each with a reason that is still true."
    about = About(
        "Services that an administrator disabled", good, empty="all services are enabled.", seen=_SERVICES
    )
    query = Query(
        "topk(50, max by (cloud, service, binary, host, zone, text)"
        f" (stratoscope_management_service_disabled_info{{{_IN}}}))"
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("binary", "What it is"),
        Column("host", "Host"),
        Column("zone", "Zone"),
        Column("text", "Reason"),
    ]
    return rows(about, columns, query)


def _waiting() -> Panel:
    good = (
        "Below 1, where the alert is: since when the oldest has not changed, over the threshold. Those that"
        " are being moved are in *Migrations under way*."
    )
    about = About(
        "VMs stuck in transition, over threshold", good, empty="no VM is in another transition.", seen=_VMS
    )
    oldest = "state:stratoscope_management_vms_in_transition_oldest_timestamp_seconds:min_unless_moved"
    oldest = f"{oldest}{{{_IN}}}"
    query = Query(
        f"topk(10, clamp_min(time() - {oldest}, 0) / scalar(global:vm_transition_seconds:threshold))",
        "{{cloud}}: {{state}}",
    )
    return bars(about, Look(colours=colours.over_threshold()), query).max(1)


def _in_error() -> Panel:
    good = "Flat. Growing: the reason says where to look. `quota` is the matter of the project."
    query = Query(
        f"sum by (reason) (max by (cloud, reason) (stratoscope_management_vms_in_error{{{_IN}}}))",
        "{{reason}}",
    )
    return stacked(lines(About("VMs in error, by reason", good), "short", query))


def _in_transition() -> Panel:
    good = "They come and go, none grows for hours."
    about = About("VMs in transition", good, empty="no VM is in transition.", seen=_VMS)
    states = f"max by (cloud, state) (stratoscope_management_vms_in_transition{{{_IN}}})"
    return stacked(lines(about, "short", Query(highest(10, states), "{{cloud}}: {{state}}")))


def _orphans() -> Panel:
    good = "Flat, or growing by a few a day. They belong to nothing, and are paid for."
    query = Query(f"cloud:stratoscope_management_orphaned:max{{{_IN}}}", "{{cloud}}: {{sort}}")
    return lines(About("Orphans", good), "short", query)


def _things() -> Panel:
    good = (
        "None is in error: those wait for an operator, and count in the quota. In the words of the source;"
        " addresses and ports of VMs that are off are down. Fewest first, as most are well. One by one: the"
        " optional collectors `each_...`."
    )
    about = About("Volumes, routers and so on, by state", good, empty="there are none.", word=UNSURE)
    counts = {sort: f"max by (cloud, state) (stratoscope_management_{sort}{{{_IN}}})" for sort in _COUNTED}
    named = (f'label_replace({count}, "sort", "{sort}", "", "")' for sort, count in counts.items())
    others = f"max by (cloud, sort, state) (stratoscope_management_objects{{{_IN}}})"
    failed = {state: (state, colours.BAD) for state in _FAILED}
    states = Look(words=failed, colours=colours.steps(below=colours.PLAIN))
    columns = [
        Column("cloud", "Cloud"),
        Column("sort", "What"),
        Column("state", "State", states, missing=NOT_MEASURED),
        Column("Value", "How many", Look()),
    ]
    query = Query(f"bottomk(100, ({' or '.join(named)} or {others}) > 0)")
    fewest_first = common.TableSortByFieldState().display_name("How many").desc(False)
    return rows(about, columns, query).sort_by([fewest_first])


def _disagreements() -> Panel:
    good = (
        "None: hypervisors have each VM where and as the cloud has it. Those in transition, and what lasts"
        " less than ten minutes, do not count."
    )
    about = About("VMs on which hypervisors and cloud disagree", good)
    counts = f"cloud:stratoscope_disagreement:lasting_count{{{_IN}}}"
    return stacked(lines(about, "short", Query(highest(10, counts), "{{cloud}}: {{reason}}")))


def _allocations() -> Panel:
    good = "None. What is allocated for nobody is room lost; a VM without an allocation is in others' room."
    about = About("Allocations that do not fit the VMs", good)
    counts = f"max by (cloud, reason) (stratoscope_management_allocation_disagreements{{{_IN}}})"
    return stacked(lines(about, "short", Query(highest(10, counts), "{{cloud}}: {{reason}}")))


def _which_allocations() -> Panel:
    known = f"stratoscope_management_allocation_disagreements{{{_IN}}}"
    good = "None. Without a VM: the cloud does not know it, or its allocation is for a migration."
    about = About("Which allocations these are", good, empty="all allocations fit the VMs.", seen=known)
    labels = "cloud, reason, host, vm_id, consumer_id"
    one = f"max by ({labels}) (stratoscope_management_allocation_disagreement_info{{{_IN}}})"
    columns = [
        Column("cloud", "Cloud"),
        Column("reason", "What is wrong"),
        Column("host", "Host"),
        Column("vm_id", "VM"),
        Column("consumer_id", "Allocated for"),
    ]
    return rows(about, columns, Query(f"topk(50, {one})"))


def _age() -> Panel:
    good = "Below 1, where the alert is: the age of what is shown, over the age at which it is stale."
    age = f"max by (cloud, collector) (collector:stratoscope_collector_last_success_age:intervals{{{_IN}}})"
    query = Query(f"topk(10, {age} / scalar(global:collector_stale_intervals:threshold))", _COLLECTOR)
    about = About("Age of what is shown, over threshold", good)
    return bars(about, Look(colours=colours.over_threshold()), query).max(1)


def _left_out() -> Panel:
    good = (
        "Nothing that you expect to see. What is not configured, not there, or not allowed to the credential."
    )
    about = About("What is left out", good, empty="nothing is left out.", seen=_WATCHED)
    query = Query(f"topk(50, max by (cloud, collector, reason) (stratoscope_collector_left_out{{{_IN}}}))")
    columns = [Column("cloud", "Cloud"), Column("collector", "Collector"), Column("reason", "Reason")]
    return rows(about, columns, query).span(12)


def _failing() -> Panel:
    good = "None. Failed collections of the last hour, by reason."
    about = About(
        "Collections that fail", good, empty="all collections of the last hour succeeded.", seen=_WATCHED
    )
    failed = f"sum by (cloud, collector, reason) (increase(stratoscope_collector_errors_total{{{_IN}}}[1h]))"
    query = Query(highest(15, f"{failed} > 0"), f"{_COLLECTOR}, {{{{reason}}}}")
    return lines(about, "short", query)


def _budget() -> Panel:
    good = "Below the threshold: seconds in a second, over 10 min, that requests wait for the budget."
    waits = f"max by (cloud, instance) (rate(stratoscope_cloud_wait_seconds_total{{{_IN}}}[10m]))"
    queries = [
        Query(highest(10, waits), "{{cloud}}: {{instance}}"),
        Query("max(global:budget_wait_ratio:threshold)", "threshold"),
    ]
    return lines(About("Requests that wait for the budget", good), "none", *queries)


def _requests() -> Panel:
    good = "Far below what the services bear. What the exporters ask of the cloud, by service."
    query = Query(
        highest(15, f"sum by (cloud, service) (rate(stratoscope_cloud_requests_total{{{_IN}}}{_RATE}))"),
        "{{cloud}}: {{service}}",
    )
    return stacked(lines(About("Requests of the exporters", good), "reqps", query))


def _spread() -> Panel:
    good = (
        "Below some minutes: items such as projects are read one by one, and this is the age of the oldest."
    )
    about = About("Age of what is read one by one", good)
    oldest = f"min by (cloud, collector) (stratoscope_management_spread_oldest_timestamp_seconds{{{_IN}}})"
    return lines(about, "s", Query(highest(10, f"clamp_min(time() - {oldest}, 0)"), _COLLECTOR))


def _whole() -> Panel:
    good = "All is seen. Where a credential sees some projects alone, sums are about these."
    look = Look(words={"1": ("all", colours.GOOD), "0": ("some", colours.NEAR)})
    queries = [
        Query(f"min by (cloud) (stratoscope_management_vms_whole{{{_IN}}})", "{{cloud}}: VMs"),
        Query(f"min by (cloud, sort) (stratoscope_management_objects_whole{{{_IN}}})", "{{cloud}}: {{sort}}"),
    ]
    return cells(About("Is all seen?", good), look, *queries)
