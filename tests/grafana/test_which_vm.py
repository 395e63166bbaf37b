"""What the board that finds VMs says of a small cloud: its queries, asked by promtool."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import board, check, filled, query

INFO: Final = "vm:stratoscope_vm_info:unique"
RECORD: Final = "vm:stratoscope_hypervisor_vm"
RAW: Final = "stratoscope_hypervisor_vm"
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
        ("eb|nob", {"a1", "c3"}),
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
    check(tmp_path, expr, {**VMS, **PORTS}, {f'{{vm_id="{one}"}}': 1 for one in found})
    known = query("vms", "How many VMs", search=search), query("vms", "How many VMs", "B", search=search)
    check(tmp_path, known[0], {**VMS, **PORTS}, {"{}": len(found)})
    check(tmp_path, known[1], {**VMS, **PORTS}, {"{}": 3})


def test_hosts_that_are_chosen_confine_the_search(tmp_path: Path) -> None:
    expr = query("vms", FOUND, search="10.0.0", host="n2")
    check(tmp_path, f"count by (vm_id) ({expr})", {**VMS, **PORTS}, {'{vm_id="b2"}': 1})


def test_nothing_is_known_where_nothing_shows_vms(tmp_path: Path) -> None:
    check(tmp_path, query("vms", "How many VMs"), {"up": "1x100"}, {})


def test_row_has_what_management_says_of_a_vm_and_else_the_hypervisor(tmp_path: Path) -> None:
    state = 'state{cloud="uni", vm_id="%s", state="%s", instance="%s"}'
    series = {
        **VMS,
        f"stratoscope_management_vm_{state % ('a1', 'ACTIVE', 'm')}": "1x100",
        f"stratoscope_management_vm_{state % ('a1', 'ACTIVE', 'm2')}": "1x100",
        f"{RAW}_{state % ('a1', 'running', 'n1')}": "1x100",
        f"{RAW}_{state % ('b2', 'paused', 'n2')}": "1x100",
        f"{RAW}_{state % ('gone', 'running', 'n2')}": "1x100",
    }
    found = {'{cloud="uni", vm_id="a1", state="ACTIVE"}': 1, '{cloud="uni", vm_id="b2", state="paused"}': 1}
    check(tmp_path, query("vms", FOUND, "B"), series, found)
    rows = {f'{{{labels}, flavor="m1"}}': 1 for labels in (WEB, DB)}
    of_flavor = {f'{INFO}{{{labels}, flavor="m1"}}': "1x100" for labels in (WEB, DB)}
    check(tmp_path, query("vms", FOUND), of_flavor, rows)


CPU: Final = {
    f'{RECORD}_cpu_seconds:rate5m{{cloud="uni", vm_id="a1", project_id="p"}}': "3x100",
    f'{RECORD}_cpu_seconds:rate5m{{cloud="uni", vm_id="b2", project_id="p"}}': "0.5x100",
    f'{RECORD}_cpu_seconds:rate5m_ratio{{cloud="uni", vm_id="a1", project_id="p"}}': "0.75x100",
    f'{RECORD}_cpu_seconds:rate5m_ratio{{cloud="uni", vm_id="b2", project_id="p"}}': "1x100",
    f'{RECORD}_vcpu_delay_seconds:rate5m_ratio{{cloud="uni", vm_id="b2", project_id="p"}}': "0.3x100",
}
SHORT: Final = {"a1": '{cloud="uni", vm_id="a1"}', "b2": '{cloud="uni", vm_id="b2"}'}


def test_busiest_vms_have_names_and_what_else_is_known(tmp_path: Path) -> None:
    """Also for the five minutes after a restart, in which a VM can have two infos."""
    series = {**VMS, **CPU, f"{INFO}{{{WEB.replace('Web-1', 'old')}}}": "1x100"}
    columns: dict[str, dict[str, float]] = {
        "A": {SHORT["a1"]: 3, SHORT["b2"]: 0.5},
        "B": {SHORT["a1"]: 0.75, SHORT["b2"]: 1},
        "C": {SHORT["b2"]: 0.3},
    }
    for ref, found in columns.items():
        expr = f"max by (cloud, vm_id) ({query('vms', 'The 50 VMs with most CPU', ref)})"
        check(tmp_path, expr, series, found)
    check(
        tmp_path,
        query("vms", "The 50 VMs with most CPU"),
        {**VMS, **CPU},
        {f"{{{WEB}}}": 3, f"{{{DB}}}": 0.5},
    )
    confined = query("vms", "The 50 VMs with most CPU", search="none", host="n1")
    check(tmp_path, confined, {**VMS, **CPU}, {f"{{{WEB}}}": 3})


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


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("The 50 VMs with most disk requests", ("disk_read_requests", "disk_write_requests")),
        ("The 50 VMs with most disk traffic", ("disk_read_bytes", "disk_write_bytes")),
        ("The 50 VMs with most network traffic", ("network_receive_bytes", "network_transmit_bytes")),
    ],
)
def test_rank_is_by_both_directions_and_both_are_shown(
    title: str, parts: tuple[str, str], tmp_path: Path
) -> None:
    series = {
        **VMS,
        f'{RECORD}_{parts[0]}:rate5m{{cloud="uni", vm_id="a1", project_id="p"}}': "10x100",
        f'{RECORD}_{parts[1]}:rate5m{{cloud="uni", vm_id="a1", project_id="p"}}': "5x100",
    }
    check(tmp_path, query("vms", title), series, {f"{{{WEB}}}": 15})
    check(tmp_path, query("vms", title, "B"), series, {SHORT["a1"]: 10})
    check(tmp_path, query("vms", title, "C"), series, {SHORT["a1"]: 5})


def test_packets_are_those_of_both_directions(tmp_path: Path) -> None:
    of = 'cloud="uni", vm_id="a1", project_id="p"'
    series = {
        **VMS,
        **{
            f"{RECORD}_network_{way}_{what}:rate5m{{{of}}}": f"{value}x100"
            for way, what, value in (
                ("receive", "bytes", 10),
                ("transmit", "bytes", 10),
                ("receive", "packets", 2),
                ("transmit", "packets", 3),
            )
        },
    }
    check(tmp_path, query("vms", "The 50 VMs with most network traffic", "D"), series, {SHORT["a1"]: 5})


def test_addresses_are_fixed_or_floating_with_their_vm(tmp_path: Path) -> None:
    found = {
        f'{{{WEB}, port_id="x", address="10.0.0.4"}}': 1,
        f'{{{DB}, port_id="y", address="10.0.0.5"}}': 1,
        f'{{{DB}, port_id="y", address="192.0.2.7"}}': 2,
    }
    check(tmp_path, query("vms", "Their addresses, 50 at most"), {**VMS, **PORTS}, found)


def counted(metric: str, device: str, each_minute: float, instance: str = "n1") -> dict[str, str]:
    of = f'cloud="uni", vm_id="a1", device="{device}", instance="{instance}"'
    return {f"{RAW}_{metric}_total{{{of}}}": f"0+{each_minute}x100"}


DISKS: Final = {
    **counted("disk_read_requests", "vda", 600),
    **counted("disk_write_requests", "vda", 960),
    **counted("disk_read_bytes", "vda", 6000),
    **counted("disk_write_bytes", "vda", 0),
    **counted("disk_read_requests", "vdb", 60),
    **counted("disk_write_requests", "vdb", 0),
    **counted("disk_read_bytes", "vdb", 60),
    **counted("disk_write_bytes", "vdb", 0),
}
VDA: Final = '{cloud="uni", vm_id="a1", device="vda"}'
VDB: Final = '{cloud="uni", vm_id="a1", device="vdb"}'


def test_disk_is_shown_by_itself_beside_the_limit_that_is_nearest(tmp_path: Path) -> None:
    limit = 'cloud="uni", vm_id="a1", device="vda", instance="n1"'
    requests, sizes = (f"{RAW}_disk_limit_{what}_per_second" for what in ("requests", "bytes"))
    series = {
        **VMS,
        **DISKS,
        f'{requests}{{{limit}, limit="read_iops_sec"}}': "100x100",
        f'{requests}{{{limit}, limit="write_iops_sec"}}': "20x100",
        f'{requests}{{{limit}, limit="total_iops_sec"}}': "50x100",
        f'{sizes}{{{limit}, limit="total_bytes_sec"}}': "400x100",
        f'{sizes}{{{limit}, limit="read_bytes_sec_max"}}': "1x100",
        f'{RAW}_disk_info{{{limit}, serial="volume-1", source="/dev/x"}}': "1x100",
    }
    of_web = f"{{{WEB}, device=%s}}"
    columns: dict[str, dict[str, float]] = {
        "A": {of_web % '"vda"': 26, of_web % '"vdb"': 1},
        "B": {VDA: 10, VDB: 1},
        "C": {VDA: 16, VDB: 0},
        "D": {VDA: 100, VDB: 1},
        "E": {VDA: 0, VDB: 0},
        "F": {VDA: 0.8},
        "G": {VDA: 0.25},
        "H": {f'{VDA[:-1]}, serial="volume-1"}}': 1},
    }
    for ref, found in columns.items():
        check(tmp_path, query("vms", "The 50 busiest disks", ref), series, found)


def test_single_disks_are_those_of_the_vms_that_are_found(tmp_path: Path) -> None:
    for search, found in {"web": 2, "db": 0}.items():
        expr = query("vms", "The 50 busiest disks", search=search)
        check(tmp_path, f"count({expr})", {**VMS, **DISKS}, {"{}": found} if found else {})


def test_vm_that_two_hosts_show_while_it_migrates_is_shown_once(tmp_path: Path) -> None:
    moved = {
        **counted("disk_read_requests", "vdb", 120, "n2"),
        **counted("disk_write_requests", "vdb", 0, "n2"),
    }
    check(tmp_path, query("vms", "The 50 busiest disks", "B"), {**VMS, **DISKS, **moved}, {VDA: 10, VDB: 2})


def test_interface_is_shown_by_itself_and_whether_it_is_up(tmp_path: Path) -> None:
    of = 'cloud="uni", vm_id="a1", device="tap1", instance="n1"'
    series = {
        **VMS,
        **counted("network_receive_bytes", "tap1", 600),
        **counted("network_transmit_bytes", "tap1", 60),
        **counted("network_receive_packets", "tap1", 120),
        **counted("network_transmit_packets", "tap1", 60),
        f"{RAW}_network_up{{{of}}}": "0+0x100",
        f'{RAW}_nic_info{{{of}, mac="52:54:00:00:00:01"}}': "1x100",
    }
    tap = '{cloud="uni", vm_id="a1", device="tap1"%s}'
    columns: dict[str, dict[str, float]] = {
        "A": {f'{{{WEB}, device="tap1"}}': 11},
        "B": {tap % "": 10},
        "C": {tap % "": 1},
        "D": {tap % "": 3},
        "E": {tap % "": 0},
        "F": {tap % ', mac="52:54:00:00:00:01"': 1},
    }
    for ref, found in columns.items():
        check(tmp_path, query("vms", "The 50 busiest interfaces", ref), series, found)


def test_interface_that_loses_nothing_is_not_among_those_that_lose(tmp_path: Path) -> None:
    series = {**VMS}
    for device, errors, drops in (("bad", 60, 120), ("good", 0, 0)):
        series |= counted("network_receive_errors", device, errors)
        series |= counted("network_transmit_errors", device, 0)
        series |= counted("network_receive_drops", device, drops)
        series |= counted("network_transmit_drops", device, 60 if drops else 0)
    title = "The 50 interfaces that lose most packets"
    bad = '{cloud="uni", vm_id="a1", device="bad"}'
    check(tmp_path, query("vms", title), series, {f'{{{WEB}, device="bad"}}': 4})
    check(tmp_path, query("vms", title, "B"), series, {bad: 1})
    check(tmp_path, query("vms", title, "C"), series, {bad: 3})


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
