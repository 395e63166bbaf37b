"""prom-label-proxy before a real Prometheus, as docs/dashboards-for-owners.md shows it."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import yaml

from support import grafana_boards
from support.debian import ROOT
from support.grafana_boards import Board
from support.grafana_queries import Asked, Grafana
from support.grafana_values import Choices, Window
from support.label_proxy import PAGE, documented, label_proxy
from support.patience import FAR_S
from support.prometheus_process import RealPrometheus
from support.steady_cloud import VMS

pytestmark = pytest.mark.integration

MINE: Final = "p1"
OTHER: Final = "p0"
MY_VMS: Final = {vm["vm_id"]: vm["vm_name"] for vm in VMS if vm["project_id"] == MINE}
OTHERS_VM: Final = next(vm["vm_id"] for vm in VMS if vm["project_id"] == OTHER)
BOARDS: Final = tuple(
    grafana_boards.load(ROOT / f"grafana/dashboards/{uid}.json") for uid in ("vm", "project")
)
EMPTY: Final = {
    "What it waits for when it wants CPU",
    "VMs that lose CPU time",
    "Alerts about this VM",
    "Quotas that are nearly used up",
}
"""Panels that can have queries without an answer: not each cause is there, and alerts come later."""


class Site(NamedTuple):
    """What runs. Attributes: all: Prometheus itself. mine: The proxy that shows MINE. folder: For logs."""

    all: str
    mine: str
    folder: Path


@pytest.fixture(scope="module")
def site(full: RealPrometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("owners")
    flags = [re.sub("(?<=^-label-value=).+", MINE, one) for one in documented("-label-value")]
    with label_proxy(full.url, folder, flags) as mine:
        yield Site(full.url, mine, folder)


def get(url: str, path: str, header: tuple[str, str] | None = None, **asked: str) -> Any:
    request = Request(f"{url}/api/v1/{path}?{urlencode(asked)}", headers=dict([header] if header else []))  # noqa: S310 - loopback
    with urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
        return json.load(answer)["data"]


def status(url: str, path: str, **asked: str) -> int:
    try:
        get(url, path, **asked)
    except HTTPError as error:
        with error:
            return error.code
    return 200


def query(url: str, expr: str) -> list[Mapping[str, str]]:
    return [one["metric"] for one in get(url, "query", query=expr)["result"]]


def asked(url: str, board: Board, window: Window, **chosen: str) -> tuple[Choices, Sequence[Asked]]:
    """All that a board asks; its annotations come last, as of a panel that may be empty."""
    grafana = Grafana(url, window)
    choices = grafana.choices(board, chosen)
    found = [*grafana.ask(board, choices)]
    of_none = replace(found[0].panel, title="annotation", says="none")
    annotations = grafana.annotations(board, choices)
    found += [Asked(of_none, found[0].target, answer) for _, answer in annotations]
    return choices, found


def now() -> Window:
    """The last minutes: evaluation has passed them, so both answers are of the same samples."""
    end = time.time() - 2
    return Window(end - 30, end)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_board_shows_a_project_all_of_its_own_through_the_proxy(site: Site, board: Board) -> None:
    chosen, until = {"project": MINE, "vm": next(iter(MY_VMS))}, time.monotonic() + FAR_S
    # What a scrape brings that a busy machine missed is not there at that moment: another one is asked about.
    while True:
        window = now()
        _, through = asked(site.mine, board, window, **chosen)
        without = {one.panel.title for one in through if not one.answer.series}
        lacking = without - {one.panel.title for one in through if one.panel.may_be_empty} - EMPTY
        if not lacking or time.monotonic() > until:
            break
    assert lacking == set()
    _, behind = asked(site.all, board, window, **chosen)
    differ = [
        one.answer.expr for one, other in zip(through, behind, strict=True) if labels(one) != labels(other)
    ]
    assert differ == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_board_offers_the_project_and_its_vms_alone(site: Site, board: Board) -> None:
    choices, _ = asked(site.mine, board, now())
    offered = {
        name: {one.value: one.text for one in choice.options}
        for name, choice in choices.items()
        if name != "datasource"
    }
    assert offered.pop("cloud") == {"uni": "uni"}
    assert list(offered.pop("project")) == [MINE]
    assert offered in ({}, {"vm": MY_VMS, "its_cloud": {"uni": "uni"}})


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_query_that_names_another_project_shows_nothing_of_it(site: Site, board: Board) -> None:
    of_all, of_mine = (asked(url, board, now(), project=OTHER, vm=OTHERS_VM)[1] for url in site[:2])
    theirs = {one.answer.expr for one in of_all if one.answer.series and labels(one) & others_labels()}
    assert theirs, "the other project has nothing that could be seen"
    assert [one.answer.expr for one in of_mine if labels(one) & others_labels()] == []


def labels(one: Asked) -> set[tuple[str, str]]:
    return {pair for series in one.answer.series for pair in series.labels.items()}


def others_labels() -> set[tuple[str, str]]:
    others = [vm for vm in VMS if vm["project_id"] != MINE]
    return {
        *(("project_id", vm["project_id"]) for vm in others),
        *(("vm_id", vm["vm_id"]) for vm in others),
        *(("vm_name", vm["vm_name"]) for vm in others),
    }


@pytest.mark.parametrize(
    "expr",
    [
        '{__name__=~".+"}',
        f'{{__name__=~".+",project_id="{OTHER}"}}',
        '{__name__=~".+",project_id!=""} or {__name__=~".+",project_id=~".*"}',
        '{__name__=~"vm:.+"} unless {project_id="p1"}',
        'label_replace(vm:stratoscope_vm_info:unique{project_id="p0"}, "project_id", "p1", "", "")',
        "max_over_time(vm:stratoscope_hypervisor_vm_cpu_seconds:rate5m_ratio[30s:1s] offset 1s)",
        'ALERTS{alertstate="firing"}',
        "count by (project_id, vm_id) (vm:stratoscope_vm_info:unique)",
    ],
)
def test_no_query_gets_round_the_proxy(site: Site, expr: str) -> None:
    pairs = {pair for one in query(site.mine, expr) for pair in one.items()}
    assert pairs & others_labels() == set()
    assert {value for name, value in pairs if name == "project_id"} <= {MINE}


def test_sums_are_of_the_project_alone(site: Site) -> None:
    expr = "count(vm:stratoscope_vm_info:unique)"
    values = [float(get(url, "query", query=expr)["result"][0]["value"][1]) for url in site[:2]]
    assert values == [len(VMS), len(MY_VMS)]


def test_series_are_those_of_the_project(site: Site) -> None:
    series = get(site.mine, "series", **{"match[]": '{__name__=~".+",project_id=~".*"}'})
    assert {one["project_id"] for one in series} == {MINE}
    assert {one["vm_id"] for one in series if "vm_id" in one} == {*MY_VMS}


def test_what_has_no_label_cannot_be_asked(site: Site) -> None:
    of_labels = ("labels", "label/project_id/values")
    paths = ("targets", "status/config", "status/tsdb", "metadata", *of_labels)
    assert {path: status(site.all, path) for path in paths} == dict.fromkeys(paths, 200)
    assert {path: status(site.mine, path) for path in paths} == dict.fromkeys(paths, 404)


def test_alerts_and_rules_are_those_of_the_project(site: Site) -> None:
    until = time.monotonic() + FAR_S
    while not (alerts := get(site.mine, "alerts")["alerts"]):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert {alert["labels"]["project_id"] for alert in alerts} == {MINE}
    assert len(get(site.all, "alerts")["alerts"]) > len(alerts)
    assert [rule for group in get(site.mine, "rules")["groups"] for rule in group["rules"]] == []


def test_header_of_the_data_source_says_which_project(site: Site) -> None:
    (block,) = re.findall(r"```yaml\n(apiVersion: 1\ndatasources:.+?)```", PAGE.read_text(), re.DOTALL)
    (source,) = yaml.safe_load(block)["datasources"]
    with label_proxy(site.all, site.folder, documented("-header-name")) as url:
        expr = "group by (project_id) (vm:stratoscope_vm_info:unique)"
        for project in (MINE, OTHER):
            header = (source["jsonData"]["httpHeaderName1"], project)
            found = get(url, "query", header, query=expr)["result"]
            assert [one["metric"] for one in found] == [{"project_id": project}]
        assert status(url, "query", query=expr) == 400
        assert status(url, "query", query=expr, project_id=OTHER) == 400
