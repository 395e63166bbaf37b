"""Dashboards keep the rules of dashboards, and for each rule a dashboard that breaks it is found."""

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

import pytest

from support import board_look_checks, board_parts, board_promql_checks
from support.board_parts import Json, Site
from support.grafana_boards import files

RULES: Final = {rule.__name__: rule for rule in (*board_promql_checks.RULES, *board_look_checks.RULES)}
BOARDS: Final[Mapping[str, Json]] = {
    board["uid"]: board for board in (json.loads(file.read_text()) for file in files())
}
DATA: Final = {"type": "prometheus", "uid": "${datasource}"}
CLOUD: Final = 'cloud=~"$cloud"'
PROJECT: Final = 'project_id="$project"'
VM: Final = "vm:stratoscope_vm_info:unique"
CPU: Final = "stratoscope_hypervisor_vm_cpu_seconds_total"
RUNS: Final = "stratoscope_vmprobe_runs_total"
LATE: Final = "stratoscope_downtime_last_sync_timestamp_seconds"
BUILT: Final = "stratoscope_vmprobe_accepted_to_built_seconds_bucket"


def good() -> dict[str, Any]:
    """A dashboard that keeps all rules."""
    return {
        "uid": "stratoscope-good",
        "panels": [
            _panel(
                1,
                "timeseries",
                {
                    "expr": f"sum by (cloud) (rate({RUNS}{{{CLOUD}}}[$__rate_interval]))",
                    "legendFormat": "x",
                    "interval": "1m",
                },
            ),
            _table(),
        ],
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "cloud",
                    "type": "query",
                    "datasource": DATA,
                    "query": {"query": "label_values(vm:stratoscope_vm_info:unique, cloud)"},
                    "multi": True,
                    "refresh": 2,
                },
            ]
        },
        "annotations": {
            "list": [
                {
                    "name": "Downtimes",
                    "datasource": DATA,
                    "expr": f'ALERTS{{alertname="StratoscopeDowntimeActive",{CLOUD}}}',
                    "titleFormat": "{{scope}}",
                    "iconColor": "#56B4E9",
                }
            ]
        },
    }  # fmt: skip


def _panel(number: int, kind: str, target: Json) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "title": f"Panel {number}",
        "description": "Steady: what does not change.",
        "datasource": DATA,
        "gridPos": {"x": 0, "y": 8 * number, "w": 24, "h": 8},
        "fieldConfig": {"defaults": {"unit": "none"}, "overrides": []},
        "targets": [{"refId": "A", "datasource": DATA, **target}],
    }


def _table() -> dict[str, Any]:
    panel = _panel(2, "table", {"expr": f"topk(9, {VM}{{{CLOUD}}})", "instant": True})
    link = {
        "url": "/d/stratoscope-good?var-cloud=${__data.fields.cloud:percentencode}&${datasource:queryparam}"
    }
    shown = {"includeByName": {"cloud": True, "Value": True}, "renameByName": {"Value": "VMs"}}
    panel["transformations"] = [{"id": "organize", "options": shown}]
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": "VMs"},
            "properties": [
                {"id": "unit", "value": "none"},
                {"id": "links", "value": [link]},
                {"id": "noValue", "value": "not measured"},
            ],
        },
        {
            "matcher": {"id": "byName", "options": "cloud"},
            "properties": [{"id": "noValue", "value": "-"}],
        },
    ]
    return panel


Change = Callable[[dict[str, Any]], object]


def expr(text: str, **keys: Any) -> Change:
    """The first panel asks this."""
    return lambda board: board["panels"][0]["targets"][0].update(expr=text, legendFormat="", **keys)


def second(text: str) -> Change:
    """The table asks this."""
    return lambda board: board["panels"][1]["targets"][0].update(expr=text)


def shown_as(unit: str, text: str) -> Change:
    """The first panel asks this, and shows it in this unit."""
    return lambda board: (expr(text)(board), first(fieldConfig={"defaults": {"unit": unit}})(board))


def first(**keys: Any) -> Change:
    """The first panel has this."""
    return lambda board: board["panels"][0].update(keys)


def table(old: str, new: str) -> Change:
    """In the JSON of the table this is that."""

    def changed(board: dict[str, Any]) -> None:
        board["panels"][1] = json.loads(re.sub(re.escape(old), new, json.dumps(board["panels"][1])))

    return changed


def hidden_cloud(text: str) -> Change:
    """The table asks this, and hides of which cloud its rows are."""
    hide = {"id": "custom.hideFrom", "value": {"viz": True}}

    def changed(board: dict[str, Any]) -> None:
        second(text)(board)
        board["panels"][1]["fieldConfig"]["overrides"][1]["properties"].append(hide)

    return changed


def variable(**keys: Any) -> Change:
    return lambda board: board["templating"]["list"].append(
        {"name": "host", "type": "query", "datasource": DATA, "query": "label_values(up, host)", "refresh": 1}
        | keys
    )


def everything(**keys: Any) -> Change:
    return lambda board: board.update(keys)


def owners(text: str) -> Change:
    return lambda board: (board.update(uid="stratoscope-vm"), expr(text)(board))


def front(text: str) -> Change:
    return lambda board: (board.update(uid="stratoscope-now"), expr(text)(board))


BAD: Final[list[tuple[str, Change, str]]] = [
    ("promql", expr("sum(("), "panel 'Panel 1', target A: "),
    ("promql", expr(""), "panel 'Panel 1', target A: "),
    ("rates", expr(f"rate({RUNS}[1m])"), "a rate over 60 s"),
    ("rates", expr(f"increase({RUNS}[1h])"), "a rate over 3600 s"),
    ("rates", expr(f"rate({RUNS}[$__rate_interval])", interval=""), "a rate of too few scrapes"),
    ("rates", second(f"rate({RUNS}[$__rate_interval])"), "target A: a rate of too few scrapes"),
    ("rates", expr(f"rate({RUNS}[$__interval])"), "a rate over 83 s"),
    ("rates", expr(f"max_over_time(rate({RUNS}[2m])[1h:])"), "a rate over 120 s"),
    ("counters", expr(f"sum by (cloud) ({CPU})"), f"{CPU} without a rate"),
    ("counters", expr(f"max by (cloud) ({CPU} - {RUNS} offset 1h)"), f"{CPU} without a rate"),
    ("counters", expr("stratoscope_management_endpoint_latency_seconds_bucket"), "_bucket without a rate"),
    ("names", expr("stratoscope_nothing"), "no metric stratoscope_nothing"),
    ("names", expr('vm:stratoscope_vm_info:unique{vm="$cloud"}'), "has no label vm"),
    ("names", expr(f"max by (cloud, vm) ({VM})"), "by or without has no label vm"),
    ("names", expr(f"rate({VM}[$__rate_interval])"), f"rate of the gauge {VM}"),
    ("names", expr("deriv(process_cpu_seconds_total[5m])"), "deriv of the counter process_cpu_seconds_total"),
    ("shown_labels", first(targets=[{"expr": VM, "legendFormat": "{{vm}}"}]), "shows the label vm, "),
    (
        "shown_labels",
        variable(query="query_result(count by (vm_id) (up))", regex='/vm="(.*)"/'),
        "label vm, ",
    ),
    (
        "shown_labels",
        lambda board: board["annotations"]["list"][0].update(textFormat="{{what}}"),
        "label what",
    ),
    ("clouds", expr(f"sum by (vm_id) ({VM})"), f"{VM} of all clouds in one"),
    ("clouds", expr(f"sum without (cloud) ({VM})"), f"{VM} of all clouds in one"),
    ("clouds", expr(f"sum({VM}) / on (vm_id) {VM}"), f"{VM} of all clouds in one"),
    ("one_cloud", expr(f"{VM}{{{CLOUD},{PROJECT}}}"), "does not show of which cloud it is"),
    ("one_cloud", expr(f"sum({VM}{{{CLOUD},{PROJECT}}})"), "a project or VM of all clouds in one"),
    ("one_cloud", expr(f'max by (vm_id) ({VM}{{{CLOUD},vm_id="$vm"}})'), "a project or VM of all clouds"),
    ("one_cloud", hidden_cloud(f"{VM}{{{CLOUD},{PROJECT}}}"), "does not show of which cloud it is"),
    ("neutral", expr(f'{VM}{{zone="nova"}}'), f'{VM}{{zone="nova"}}'),
    ("projects", owners(f'{VM}{{project_id=~"$project"}}'), f"{VM} is not confined"),
    ("projects", owners(VM), f"{VM} is not confined"),
    ("projects", owners(f'{CPU}{{project_id="$project"}}'), f"{CPU} is not confined"),
    ("projects", owners('ALERTS{project_id="$project"}'), "ALERTS is not confined"),
    ("records", front(f"sum by (cloud) ({CPU})"), f"{CPU} is no record"),
    ("bounded", expr(VM), "a series for each "),
    ("bounded", expr(f"topk(3, {VM}) or {VM}"), "a series for each "),
    ("bounded", expr(f"{VM} > scalar(global:steal_ratio:threshold)"), "a series for each "),
    ("bounded", expr(f"{VM} * on () group_left () global:steal_ratio:threshold"), "a series for each "),
    ("bounded", expr(f"{VM} unless topk(3, {VM})"), "a series for each "),
    ("bounded", expr(f"sum by (cloud, host) ({VM})"), "a series for each "),
    ("lasting", expr(f"topk(3, {VM})"), "panel 'Panel 1', target A: the largest at each step"),
    ("lasting", expr(f"topk(3, {VM}) and bottomk(3, {VM} @ end())"), "the largest at each step"),
    ("data_source", first(datasource={"type": "prometheus", "uid": "mine"}), "panel 'Panel 1': another"),
    ("data_source", first(targets=[{"refId": "A", "expr": VM}]), "panel 'Panel 1', A: another"),
    ("data_source", variable(datasource=None), "host: another"),
    ("data_source", lambda board: board["templating"]["list"].pop(0), "the first variable is not"),
    ("portable", everything(__inputs=[]), "has __inputs"),
    ("portable", everything(id=7), "has id"),
    ("words", first(title=""), "no title"),
    ("words", first(description="Latency."), "does not say what good looks like"),
    (
        "words",
        first(description="Shows the CPU time of each host, by mode."),
        "does not say what good looks like",
    ),
    ("words", first(description="The number of runs of all probes."), "does not say what good looks like"),
    (
        "words",
        first(description="None. Says 'none': nobody shows the disks."),
        "does not say what good looks",
    ),
    ("none", first(fieldConfig={"defaults": {"noValue": "none"}}), "noValue and description differ"),
    ("none", first(description="No VM. Says 'none': all is well."), "noValue and description differ"),
    ("none", first(description="No VM. Says 'not measured': never."), "noValue and description differ"),
    ("none", first(fieldConfig={"defaults": {"noValue": "0"}}), "noValue and description differ"),
    ("units", first(fieldConfig={"defaults": {}}), "panel 'Panel 1': no unit"),
    ("units", table('"id": "unit"', '"id": "min"'), "panel 'Panel 2': no unit of Value"),
    ("units", table('"value": "none"', '"value": "percent"'), "panel 'Panel 2': percent is no unit of Value"),
    ("units", shown_as("percent", VM), "panel 'Panel 1': percent is no unit of A"),
    ("units", shown_as("s", f"rate({CPU}[5m])"), "s is no unit of A"),
    (
        "units",
        shown_as("none", "process_resident_memory_bytes * on (job) group_left (cloud) up"),
        "no unit of A",
    ),
    (
        "units",
        shown_as("bytes", "vm:stratoscope_hypervisor_vm_disk_read_bytes:rate5m"),
        "bytes is no unit of A",
    ),
    ("units", shown_as("s", f"1000 * {LATE}"), "s is no unit of A"),
    ("units", shown_as("s", "vm:stratoscope_hypervisor_vm_cpu_seconds:rate5m_ratio"), "s is no unit of A"),
    ("units", second("process_resident_memory_bytes"), "panel 'Panel 2': none is no unit of Value"),
    ("units", shown_as("bytes", f"time() - {LATE}"), "bytes is no unit of A"),
    ("units", shown_as("short", f"histogram_quantile(0.5, rate({BUILT}[1h]))"), "short is no unit of A"),
    (
        "units",
        shown_as("short", "max(global:host_memory_available_ratio:threshold)"),
        "short is no unit of A",
    ),
    ("columns", table('"cloud": true', '"region": true'), "panel 'Panel 2': no column region"),
    ("columns", table('"Value": true', '"Value #B": true'), "panel 'Panel 2': no column Value #B"),
    (
        "empty_cells",
        table('"noValue", "value": "-"', '"min", "value": 0'),
        "an empty cell of cloud says None",
    ),
    ("empty_cells", table('"-"', '"not measured"'), "an empty cell of cloud says not measured"),
    ("empty_cells", table('"not measured"', '"none"'), "an empty cell of Value says none"),
    (
        "empty_cells",
        table(
            '{"id": "noValue", "value": "-"}', '{"id": "noValue", "value": "-"}, {"id": "links", "value": []}'
        ),
        "an empty cell of cloud says -",
    ),
    (
        "empty_cells",
        table('{"id": "unit", "value": "none"}', '{"id": "custom.cellOptions", "value": {}}'),
        "an empty cell of Value has the colour of a value",
    ),
    (
        "units",
        table('{"id": "unit", "value": "none"}', '{"id": "mappings", "value": [{"type": "special"}]}'),
        "no unit of Value",
    ),
    (
        "empty_cells",
        lambda board: (
            second(f'{VM} or label_replace({VM}, "cloud", "none", "", "")')(board),
            table('"value": "-"}', '"value": ""}, {"id": "links", "value": []}')(board),
        ),
        "the row `none` has a link, of cloud",
    ),
    ("numbers", everything(uid=""), "uid ''"),
    ("numbers", first(id=2), "id 2 is of 2 panels"),
    ("numbers", lambda board: board["panels"][0]["targets"].append({"refId": "A"}), "target A twice"),
    ("places", first(gridPos={"x": 0, "y": 17, "w": 1, "h": 1}), "panel 'Panel 1' lies on panel 'Panel 2'"),
    ("places", first(gridPos={"x": 12, "y": 0, "w": 24, "h": 4}), "beyond the edge"),
    ("targets", first(targets=[]), "panel 'Panel 1': no targets"),
    ("targets", first(type="text"), "panel 'Panel 1': targets"),
    ("few_queries", first(targets=[{}] * 38), "41 queries at opening"),
    ("kinds", first(type="natel-discrete-panel"), "of the type natel-discrete-panel"),
    ("downtimes", everything(annotations={"list": []}), "no downtimes"),
    ("only_our_colours", first(options={"color": {"fixedColor": "red"}}), "colour red"),
    ("links", table("d/stratoscope-good", "d/stratoscope-gone"), "no dashboard stratoscope-gone"),
    ("links", table("var-cloud", "var-vm"), "stratoscope-good has no variable vm"),
    ("links", table("datasource:q", "vm:q"), "stratoscope-good has no variable vm"),
    ("links", table("fields.cloud", "fields.zone"), "no column zone"),
    ("links", everything(links=[{"url": "/d/nothing"}]), "no dashboard nothing"),
    ("links", table(":percentencode", ""), "${__data.fields.cloud} is not encoded"),
    ("links", table(":percentencode", ":raw"), "${__data.fields.cloud:raw} is not encoded"),
    ("links", table("${datasource:queryparam}", "var-datasource=$datasource"), "$datasource is not encoded"),
    ("links", table("/d/stratoscope-good", "${datasource}/"), "${datasource} is not encoded"),
    ("variables", expr(f'{VM}{{host="$host"}}'), "no variable host"),
    ("variables", variable(), "the variable host is not used"),
    ("variables", variable(multi=True), "the variable host does not follow the time range"),
    ("variables", variable(refresh=2), "the variable host loses a value that is no option"),
]


def problems(rule: str, board: Json, others: Mapping[str, Json]) -> list[str]:
    return list(RULES[rule](Site(board, others)))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("uid", BOARDS)
def test_dashboard_keeps_the_rule(uid: str, rule: str) -> None:
    assert problems(rule, BOARDS[uid], BOARDS) == []


@pytest.mark.parametrize("rule", RULES)
def test_good_dashboard_keeps_the_rule(rule: str) -> None:
    board = good()
    assert problems(rule, board, {board["uid"]: board}) == []


@pytest.mark.parametrize(("rule", "change", "problem"), BAD, ids=[f"{one[0]}: {one[2]}" for one in BAD])
def test_dashboard_that_breaks_the_rule_is_found(rule: str, change: Change, problem: str) -> None:
    board = deepcopy(good())
    change(board)
    found = problems(rule, board, {board["uid"]: board})
    assert any(problem in one for one in found), found


def test_dashboard_that_has_the_uid_of_another_is_found() -> None:
    board = good()
    assert problems("numbers", board, {"one": board, "other": board}) == ["uid 'stratoscope-good'"]


def test_each_rule_has_a_dashboard_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BAD} == {*RULES}


def test_fixed_window_is_good_if_the_reader_is_told() -> None:
    board = good()
    expr(f"sum by (cloud) (increase({RUNS}[1h]))")(board)
    board["panels"][0]["description"] = "Good is no failure in the last hour."
    assert problems("rates", board, {}) == []


@pytest.mark.parametrize(
    "text",
    [
        f"count by (cloud) ({CPU})",
        f"max by (cloud) ({CPU} - {CPU} offset $__interval)",
        f"sum by (vm_id) ({VM}{{{CLOUD}}})",
        f'sum by (vm_id) ({VM}{{{CLOUD}}} and on (cloud, host) stratoscope_downtime_active{{scope="host"}})',
        f"sum({VM}{{{CLOUD}}} * on (cloud, vm_id) {VM})",
        f"topk(3, {VM})",
        "max(global:steal_ratio:threshold)",
        "max by (instance) (stratoscope_downtime_leader)",
    ],
)
def test_chosen_clouds_and_those_that_are_kept_are_not_mixed(text: str) -> None:
    board = good()
    expr(text)(board)
    assert [*problems("clouds", board, {}), *problems("counters", board, {})] == []


@pytest.mark.parametrize(
    "text",
    [
        f"topk(3, {VM})",
        f"topk(3, {VM}) * on (cloud, vm_id) group_left (flavor) {VM}",
        f"{VM} * on (cloud, vm_id) group_right (flavor) topk(3, {VM})",
        f"{VM} and topk(3, {VM})",
        f'max_over_time({VM}{{vm_id="$vm"}}[1h]) or topk(3, {VM})',
        f"sum by (cloud) ({VM})",
    ],
)
def test_few_series_are_few(text: str) -> None:
    board = good()
    expr(text)(board)
    assert problems("bounded", board, {}) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{VM} and topk(3, {VM} @ end())",
        f"{VM} and bottomk(3, last_over_time({VM}[$__range] @ end()))",
        f"{VM} and topk(3, max_over_time(({VM} > 0)[$__range:$__interval] @ end()))",
        f"{VM} * on (cloud, vm_id) group_left (flavor) topk by (cloud, vm_id) (1, {VM})",
    ],
)
def test_series_that_are_chosen_once_last(text: str) -> None:
    board = good()
    expr(text)(board)
    assert problems("lasting", board, {}) == []


@pytest.mark.parametrize(
    ("text", "legend"),
    [
        (f"sum by (cloud) ({VM}{{{CLOUD},{PROJECT}}})", "{{cloud}}: VMs"),
        (f'sum({VM}{{cloud="$its_cloud",{PROJECT}}})', "VMs"),
        (f"sum({VM}{{{CLOUD}}})", "VMs"),
        (f"{VM}{{{CLOUD},{PROJECT}}} or on () 0 * group({VM}{{{CLOUD},{PROJECT}}})", "{{cloud}}: VMs"),
    ],
)
def test_project_is_of_one_cloud_or_shown_with_its_cloud(text: str, legend: str) -> None:
    board = good()
    first(targets=[{"expr": text, "legendFormat": legend}])(board)
    assert problems("one_cloud", board, {}) == []


def test_variables_are_left_in_strings_alone() -> None:
    tree = board_parts.tree('x{a="$cloud"} > $least or rate(y[$__rate_interval])')
    matched = [(one.name, one.matchers.matchers[0].value) for one in board_parts.selectors(tree.lhs)]
    assert (matched, str(tree.lhs.rhs)) == ([("x", "$cloud")], "1")
    assert round(tree.rhs.args[0].range.total_seconds()) == board_parts.RATE_S
