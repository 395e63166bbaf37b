"""What the board that finds VMs says of a small cloud: its queries, asked by promtool."""

import json
from pathlib import Path
from typing import Final

import pytest

from support.board_values import board, check, filled, query

INFO: Final = "vm:stratoscope_vm_info:unique"
RECORD: Final = "vm:stratoscope_hypervisor_vm"
NAMES: Final = 'vm_name="%s", project_id="p", project_name="art", host="%s"'
WEB: Final = f'cloud="uni", vm_id="a1", {NAMES % ("Web-1", "n1")}'
DB: Final = f'cloud="uni", vm_id="b2", {NAMES % ("db", "n2")}'
NOBODY: Final = f'cloud="uni", vm_id="c3", {NAMES % ("nobody", "")}'
VMS: Final = {f"{INFO}{{{labels}}}": "1x100" for labels in (WEB, DB, NOBODY)}
PORTS: Final = {
    'stratoscope_management_each_port_info{cloud="uni", port_id="x", vm_id="a1", project_id="p"}': "1x100",
    'stratoscope_management_each_port_info{cloud="uni", port_id="y", vm_id="b2", project_id="p"}': "1x100",
    'stratoscope_management_each_port_info{cloud="uni", port_id="router", vm_id=""}': "1x100",
    'stratoscope_management_each_port_address_info{cloud="uni", port_id="x", address="10.0.0.4"}': "1x100",
    'stratoscope_management_each_port_address_info{cloud="uni", port_id="y", address="10.0.0.5"}': "1x100",
    'stratoscope_management_each_port_address_info{cloud="uni", port_id="router", address="10.0.0.1"}': "1x9",
    'stratoscope_management_each_floating_ip_info{cloud="uni", port_id="y", address="192.0.2.7"}': "1x100",
}
FOUND: Final = "VMs that are found, 50 at most"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", {"a1", "b2", "c3"}),
        ("web", {"a1"}),
        ("DB", {"b2"}),
        ("B2", {"b2"}),
        ("eb|nob", set()),
        ("web.1", set()),
        ("0.0.4", {"a1"}),
        ("192.0.2", {"b2"}),
        ("10.0.0", {"a1", "b2"}),
        ("none", set()),
    ],
)
def test_vm_is_found_by_a_part_of_its_name_id_or_address(
    search: str, found: set[str], tmp_path: Path
) -> None:
    expr = f"count by (vm_id) ({query('vms', FOUND, search=search)})"
    rows = {f'{{vm_id="{one}"}}': 1 for one in found} or {"{}": 1}  # a row of `none`
    check(tmp_path, expr, {**VMS, **PORTS}, rows)
    known = query("vms", "How many VMs", search=search), query("vms", "How many VMs", "B", search=search)
    check(tmp_path, known[0], {**VMS, **PORTS}, {"{}": len(found)})
    check(tmp_path, known[1], {**VMS, **PORTS}, {"{}": 3})


@pytest.mark.parametrize(
    "name", ["web(1)", "c[0]", "a+b", "c++", "*", '"', "\\", "{x}", "a/b", "^$", "a|b", "x\ny"]
)
def test_what_is_typed_is_no_pattern(name: str, tmp_path: Path) -> None:
    info = f'{INFO}{{cloud="uni", vm_id="%s", vm_name=%s, host="n1"}}'
    series = {info % ("1", json.dumps(f"the {name}\nVM")): "1x100", info % ("2", '"c b web1 xy"'): "1x100"}
    check(tmp_path, f"count by (vm_id) ({query('vms', FOUND, search=name)})", series, {'{vm_id="1"}': 1})


def test_hosts_that_are_chosen_confine_the_search(tmp_path: Path) -> None:
    expr = query("vms", FOUND, search="10.0.0", host="n2")
    check(tmp_path, f"count by (vm_id) ({expr})", {**VMS, **PORTS}, {'{vm_id="b2"}': 1})


def test_no_more_than_fifty_are_shown_the_largest_first(tmp_path: Path) -> None:
    series = {}
    for number in range(60):
        of = f'cloud="uni", vm_id="{number}", project_id="p"'
        series[f'{INFO}{{{of}, host="n{number % 2}"}}'] = "1x100"
        series[f"{RECORD}_cpu_seconds:rate5m{{{of}}}"] = f"{number}x100"
        series[f"{RECORD}_cpu_seconds:rate5m_ratio{{{of}}}"] = "0.5x100"
    for ref in "AB":
        expr = query("vms", "The 50 VMs with most CPU", ref)
        check(tmp_path, f"count({expr})", series, {"{}": 50})
    check(tmp_path, f"min({query('vms', 'The 50 VMs with most CPU')})", series, {"{}": 10})
    of_host = query("vms", "The 50 VMs with most CPU", host="n0")
    check(tmp_path, f"count({of_host})", series, {"{}": 30})
    check(tmp_path, f"count({query('vms', FOUND)})", series, {"{}": 50})


@pytest.mark.parametrize("name", ["vms", "hosts"])
def test_hosts_to_choose_from_are_those_of_management_and_those_with_an_exporter(
    name: str, tmp_path: Path
) -> None:
    (variable,) = [one for one in board(name)["templating"]["list"] if one["name"] == "host"]
    expr = filled(variable["query"]["query"].removeprefix("query_result(").removesuffix(")"), __range="1h")
    series = {
        'host:stratoscope_management_host_wanted:max{cloud="uni", host="listed", zone="a"}': "1x100",
        'host:stratoscope_management_host_wanted:max{cloud="uni", host="both", zone="a"}': "1x100",
        'host:stratoscope_management_host_wanted:max{cloud="uni", host="removed", zone="a"}': "1x60 stale",
        'host:stratoscope_management_host_wanted:max{cloud="uni", host="long_ago", zone="a"}': "1x20 stale",
        'host:stratoscope_technology:unique{cloud="uni", host="both", hypervisor="QEMU"}': "1x100",
        'host:stratoscope_technology:unique{cloud="uni", host="alone", hypervisor="QEMU"}': "1x100",
    }
    found = {'{host="listed"}': 1, '{host="both"}': 2, '{host="removed"}': 1, '{host="alone"}': 1}
    check(tmp_path, expr, series, found)
