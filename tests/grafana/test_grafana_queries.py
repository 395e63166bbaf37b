"""What is asked of a real Prometheus is what Grafana would ask: variables, steps, legends."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from support.debian import ROOT
from support.grafana_boards import Annotation, Board, Panel, Target, Variable, files, load
from support.grafana_queries import (
    AnswerError,
    Grafana,
    Series,
    labels_of_legend,
    legend,
    matching,
    not_merged,
    shown,
)
from support.grafana_values import ALL, Choice, Filled, Option, Window, step
from support.prometheus_process import QUICK, Prometheus

END = 1_760_000_000
WINDOW = Window(END - 3_600, END)
ALL_CLOUDS = Variable("cloud", "query", "label_values(vms, cloud)", "", True, True, ".*", (ALL,))
VM_NAMES = r'/vm_id="(?<value>[^"]*)",vm_name="(?<text>.*)"/'
RUNS = "rate(runs_total[$__rate_interval])"
VMS = 'query_result(vm_info{cloud=~"$cloud"})'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """It has an hour of two clouds with three VMs, and a counter that was scraped each minute."""
    folder = tmp_path_factory.mktemp("prometheus")
    names = [("uni", "1", "web"), ("uni", "2", "mail"), ("lab", "3", "Archive")]
    page = [
        f"{series} {value} {END - age_s}\n"
        for series, value in [
            ('vms{cloud="uni"}', 2),
            ('vms{cloud="lab.1"}', 1),
            *((f'vm_info{{cloud="{cloud}",vm_id="{vm}",vm_name="{name}"}}', 1) for cloud, vm, name in names),
        ]
        for age_s in range(3_600, -1, -30)
    ]
    page += [f"runs_total {age_s} {END - 3_605 + age_s}\n" for age_s in range(0, 3_601, 60)]
    (folder / "page").write_text("".join(page) + "# EOF\n")
    promtool = ROOT / "build/tools/usr/bin/promtool"
    blocks = [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "page", folder / "data"]
    subprocess.run(blocks, check=True, capture_output=True)
    running = Prometheus(folder, QUICK, {"groups": []}, "--storage.tsdb.retention.time=100y")
    running.start()
    try:
        deadline = time.monotonic() + 30
        while not running.ask("count(vms)", time=str(END)):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield running.url
    finally:
        running.stop()


@pytest.fixture
def grafana(prometheus: str) -> Grafana:
    return Grafana(prometheus, WINDOW)


def board(*variables: Variable, expr: str = "vms", now: bool = False) -> Board:
    panel = Panel(1, "VMs", "timeseries", (Target("A", expr, "{{cloud}}", now),), points=100)
    return Board("vms", "VMs", (panel,), variables, (Annotation("All", expr),), "now-1h")


def test_label_values_become_options_and_all_becomes_its_own_value(grafana: Grafana) -> None:
    choice = grafana.choices(board(ALL_CLOUDS))["cloud"]
    assert choice.options == (Option("lab.1", "lab.1"), Option("uni", "uni"))
    assert choice.in_promql() == ".*"


def test_options_of_query_result_show_the_name_and_depend_on_what_is_chosen_before(grafana: Grafana) -> None:
    vm = Variable("vm", "query", VMS, VM_NAMES)
    everything = grafana.choices(board(ALL_CLOUDS, vm))["vm"]
    assert everything.options == (Option("Archive", "3"), Option("mail", "2"), Option("web", "1"))
    assert (everything.chosen, everything.texts()) == (("3",), ("Archive",))
    of_uni = grafana.choices(board(ALL_CLOUDS, vm), {"cloud": "uni", "vm": "1"})["vm"]
    assert of_uni.options == (Option("mail", "2"), Option("web", "1"))
    assert of_uni.in_promql() == "1"


def test_range_query_has_points_at_whole_steps_of_the_window(grafana: Grafana) -> None:
    (asked,) = grafana.ask(board(), grafana.choices(board()))
    assert asked.answer.step_s == 30
    assert {point[0] % 30 for one in asked.answer.series for point in one.points} == {0}
    assert [len(one.points) for one in asked.answer.series] == [120, 120]


def test_instant_query_has_the_values_at_the_end(grafana: Grafana) -> None:
    now = board(ALL_CLOUDS, expr='vms{cloud=~"$cloud"}', now=True)
    (asked,) = grafana.ask(now, grafana.choices(now, {"cloud": "lab.1"}))
    assert asked.answer.expr == r'vms{cloud=~"lab\\.1"}'
    assert [(legend(asked.target, one), one.points) for one in asked.answer.series] == [
        ("lab.1", ((float(END), 1.0),))
    ]


@pytest.mark.parametrize(
    ("target", "window", "points"),
    [
        (Target("A", RUNS, now=True), "60s", 0),
        (Target("A", RUNS, now=True, least_step_s=60), "240s", 1),
        (Target("A", RUNS, least_step_s=60), "240s", 59),
    ],
)
def test_rate_of_what_is_scraped_each_minute_has_values_where_its_target_says_so(
    target: Target, window: str, points: int, prometheus: str
) -> None:
    runs = replace(board(), panels=(Panel(1, "Runs", "table", (target,), points=936),))
    (asked,) = Grafana(prometheus, WINDOW, 15).ask(runs, {})
    assert asked.answer.expr == f"rate(runs_total[{window}])"
    assert asked.answer.step_s == (0 if target.now else 60)
    assert sum(len(one.points) for one in asked.answer.series) == points


def test_scalar_is_a_series_without_labels(grafana: Grafana) -> None:
    now = board(expr="scalar(sum(vms))", now=True)
    (asked,) = grafana.ask(now, {})
    assert asked.answer.series == (Series({}, ((float(END), 3.0),)),)


def test_annotation_is_asked_at_most_each_minute(grafana: Grafana) -> None:
    ((annotation, answer),) = grafana.annotations(board(), {})
    assert (annotation.name, answer.step_s, len(answer.series)) == ("All", 60, 2)


def test_query_that_prometheus_refuses_is_an_error_that_shows_it(grafana: Grafana) -> None:
    with pytest.raises(AnswerError, match=r"rate\(vms\).*expected type range vector"):
        list(grafana.ask(board(expr="rate(vms)"), {}))


def test_variable_that_the_board_lacks_is_an_error(grafana: Grafana) -> None:
    with pytest.raises(ValueError, match=r"\$host is no variable"):
        list(grafana.ask(board(expr='vms{host="$host"}'), {}))


@pytest.mark.parametrize(
    ("multi", "chosen", "put_in"),
    [
        (False, ("a.b",), "a.b"),
        (False, ("it's",), r"it\\'s"),
        (False, (), ""),
        (True, ("a.b",), r"a\\.b"),
        (True, ("a.b", "c"), r"(a\\.b|c)"),
        (True, ("a\\b",), r"a\\\\b"),
        (True, (ALL,), "(x|y)"),
    ],
)
def test_chosen_values_are_escaped_where_several_may_be_chosen(
    multi: bool, chosen: tuple[str, ...], put_in: str
) -> None:
    variable = Variable("host", "query", "", multi=multi)
    assert Choice(variable, (Option("x", "x"), Option("y", "y")), chosen).in_promql() == put_in


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("rate(vms[$__rate_interval])", "rate(vms[60s])"),
        ("[$__interval] [${__interval}] [[__interval_ms]]", "[30s] [30s] 30000"),
        ("[$__range] $__range_s", "[3600s] 3600"),
        ('label_replace(vms, "to", "$1", "from", "(.*)")', 'label_replace(vms, "to", "$1", "from", "(.*)")'),
        ("$host ${host:text} ${host:raw} ${host:pipe}", "(a|b) A + b a,b a|b"),
    ],
)
def test_built_in_variables_and_formats_are_filled(text: str, filled: str) -> None:
    host = Choice(Variable("host", "query", "", multi=True), (Option("A", "a"), Option("b", "b")), ("a", "b"))
    assert Filled(WINDOW, 30, {"host": host}).fill(text) == filled


@pytest.mark.parametrize(
    ("length_s", "points", "step_s"), [(3_600, 936, 15), (86_400, 936, 120), (604_800, 1_872, 300)]
)
def test_step_is_round_and_not_below_the_scrape_interval(length_s: float, points: int, step_s: float) -> None:
    assert step(Window(0, length_s), points) == step_s


def test_rate_interval_covers_four_scrapes_and_one_step() -> None:
    assert Filled(WINDOW, 15).fill("$__rate_interval") == "60s"
    assert Filled(WINDOW, 300).fill("$__rate_interval") == "315s"


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ("vm_info", ["Both: rows are not merged, their series have names: vm_info, vms"]),
        ("count by (cloud) (vm_info)", []),
    ],
)
def test_table_is_not_merged_whose_series_keep_the_names_of_several_metrics(
    grafana: Grafana, second: str, found: list[str]
) -> None:
    targets = [Target(ref, expr, now=True, table=True) for ref, expr in (("A", "vms"), ("B", second))]
    both = Board("vms", "VMs", (Panel(1, "Both", "table", tuple(targets)),), (), (), "now-1h")
    assert not_merged(grafana.ask(both, {})) == found


def test_legend_without_a_format_is_the_series_and_a_missing_label_is_empty() -> None:
    series = Series({"__name__": "vms", "cloud": "uni", "az": "1"}, ())
    assert legend(Target("A", "vms"), series) == 'vms{az="1", cloud="uni"}'
    target = Target("A", "vms", "{{ cloud }}: {{host}}")
    assert legend(target, series) == "uni: "
    assert labels_of_legend(target) == {"cloud", "host"}


def of_boards(*names: str) -> list[object]:
    """The variables of these names on all boards."""
    return [
        pytest.param(variable, id=f"{file.stem}: {variable.name}")
        for file in files()
        for variable in load(file).variables
        if variable.name in names
    ]


ODD: Final = ["web", 'the "old" web', r"C:\web", 'ends with "', 'a",b="c', "{x}", "a|b", "$vm", "$__all"]
BROKEN: Final = ["a\nb", "a\rb", "a\u2028b", "a\u2029b", "\n", "x" * 1_000]


@pytest.mark.parametrize("name", [*ODD, *BROKEN])
@pytest.mark.parametrize("variable", of_boards("project", "vm"))
def test_variables_of_the_boards_have_whole_names(variable: Variable, name: str) -> None:
    labels = {f"{variable.name}_id": "1", f"{variable.name}_name": name}
    text = shown({"metric": labels, "value": [END, "1"]})
    assert [*matching(variable.regex, [text])] == [Option(name, "1")]


@pytest.mark.parametrize("name", [*ODD, *BROKEN])
@pytest.mark.parametrize("variable", of_boards("host"))
def test_hosts_of_the_boards_have_whole_names(variable: Variable, name: str) -> None:
    assert [*matching(variable.regex, [shown({"metric": {"host": name}, "value": [END, "1"]})])] == [
        Option(name, name)
    ]


@pytest.mark.parametrize("variable", of_boards("project", "vm"))
def test_what_has_no_name_is_shown_by_its_id(variable: Variable) -> None:
    text = shown({"metric": {f"{variable.name}_id": "p"}, "value": [END, "1"]})
    assert [*matching(variable.regex, [text])] == [Option("p", "p")]


def test_dot_in_a_regular_expression_is_no_line_break_as_in_javascript() -> None:
    for text in ("a\nb", "a\rb", "a\u2028b"):
        assert [*matching("/(a.b)/", [text])] == []
        assert [*matching(r"/(a[\s\S]b)/", [text])] == [Option(text, text)]
    assert [*matching(r"/(a\.[.]b)/", ["a..b", "a-.b", "a.-b"])] == [Option("a..b", "a..b")]


@pytest.mark.parametrize("vm", ["", "gone", "3"])
def test_refresh_keeps_a_value_that_is_no_option_unless_options_follow_the_time(
    vm: str, grafana: Grafana
) -> None:
    for follows, after in ((False, vm), (True, "2")):
        variable = Variable("vm", "query", VMS, VM_NAMES, follows_time=follows)
        opened = grafana.choices(board(ALL_CLOUDS, variable), {"cloud": "uni", "vm": vm})
        assert opened["vm"].chosen == (vm,)
        assert grafana.refreshed(board(ALL_CLOUDS, variable), opened)["vm"].chosen == (after,)


def test_refresh_drops_clouds_that_are_no_options(grafana: Grafana) -> None:
    clouds = replace(ALL_CLOUDS, follows_time=True)
    for chosen, after in (("uni", "uni"), ("gone", ALL), (ALL, ALL)):
        opened = grafana.choices(board(clouds), {"cloud": chosen})
        assert grafana.refreshed(board(clouds), opened)["cloud"].chosen == (after,)


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_refresh_replaces_no_single_value(file: Path, grafana: Grafana) -> None:
    shown_board = load(file)
    single = [one.name for one in shown_board.variables if one.kind == "query" and not one.multi]
    odd = dict.fromkeys(single, "no option")
    refreshed = grafana.refreshed(shown_board, grafana.choices(shown_board, odd))
    assert {name: refreshed[name].chosen[0] for name in single} == odd
