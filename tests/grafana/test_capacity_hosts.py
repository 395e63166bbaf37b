"""What the dashboard on capacity says of hosts that take VMs, of others, and of flavors: its queries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from support.board_values import check, query

OF: Final = "stratoscope_management_host"
RATIO: Final = "host:stratoscope_management_host_allocated:ratio"
STATE: Final = "host:stratoscope_management_host_enabled:and_up"
SIZES: Final = {
    "n1": {"vcpus": (30, 40), "memory": (60, 100), "disk": (10, 100)},
    "n2": {"vcpus": (2, 8), "pcpus": (4, 4), "memory": (20, 100)},
    "off": {"vcpus": (7, 1000), "memory": (10, 1000)},
}
"""Of hosts what is allocated, and what may be."""
UNITS: Final = {"memory": "_bytes", "disk": "_bytes"}
ZONES: Final = {"n1": "a", "n2": "b", "off": "a"}
AGGREGATES: Final = (("n1", "fast"), ("n1", "all"), ("n2", "all"), ("off", "all"), ("off", "idle"))


def site() -> Mapping[str, str]:
    """As two replicas of an exporter show it, and as it is recorded."""
    series = {}
    for host, sizes in SIZES.items():
        series[f'{STATE}{{cloud="uni", host="{host}", zone="{ZONES[host]}"}}'] = f"{int(host != 'off')}+0x100"
        for name, (allocated, allocatable) in sizes.items():
            share = f'{RATIO}{{cloud="uni", host="{host}", resource="{name}"}}'
            series |= {share: f"{allocated / allocatable}+0x100"} if host != "off" else {}
            for what, value in (("allocated", allocated), ("allocatable", allocatable)):
                of = f"{OF}_{name}_{what}{UNITS.get(name, '')}"
                series |= {
                    f'{of}{{cloud="uni", host="{host}", instance="{one}"}}': f"{value}x100" for one in "ab"
                }
    for host, aggregate in AGGREGATES:
        named = f'cloud="uni", host="{host}", aggregate="{aggregate}"'
        series |= {f'{OF}_aggregate_info{{{named}, instance="{one}"}}': "1x100" for one in "ab"}
    return series


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        (
            "A",
            {
                '{cloud="uni", host="n2", zone="b", resource="pcpus"}': 1,
                '{cloud="uni", host="n1", zone="a", resource="vcpus"}': 0.75,
            },
        ),
        ("B", {'{cloud="uni", host="n1"}': 10, '{cloud="uni", host="n2"}': 6}),
        ("C", {'{cloud="uni", host="n1"}': 30, '{cloud="uni", host="n2"}': 2}),
        ("D", {'{cloud="uni", host="n1"}': 40, '{cloud="uni", host="n2"}': 80}),
        ("E", {'{cloud="uni", host="n1"}': 60, '{cloud="uni", host="n2"}': 20}),
        ("F", {'{cloud="uni", host="n1"}': 90}),
        ("G", {'{cloud="uni", host="n1"}': 10}),
        ("H", {'{cloud="uni", host="n2"}': 0}),
        ("I", {'{cloud="uni", host="n2"}': 4}),
    ],
)
def test_room_is_of_hosts_that_take_vms(ref: str, found: Mapping[str, float], tmp_path: Path) -> None:
    check(tmp_path, query("capacity", "Room by host", ref), site(), found)


def test_of_many_hosts_the_fullest_are_shown_by_all_columns(tmp_path: Path) -> None:
    series = {}
    for place in range(60):
        host = f'cloud="uni", host="{place:02}"'
        series[f'{STATE}{{{host}, zone="a"}}'] = "1x100"
        series[f'{RATIO}{{{host}, resource="memory"}}'] = f"{place / 100}+0x100"
        series[f'{RATIO}{{{host}, resource="disk"}}'] = "0.001x100"
        series[f"{OF}_memory_allocated_bytes{{{host}}}"] = f"{place}+0x100"
        series[f"{OF}_memory_allocatable_bytes{{{host}}}"] = "100x100"
    for ref in "ADE":
        asked = query("capacity", "Room by host", ref)
        count = f'label_replace(count({asked}), "rows", "all", "", "")'
        check(tmp_path, count, series, {'{rows="all"}': 50})
        emptiest = f'(({asked}) and on (host) group by (host) ({STATE}{{host=~"0."}}))'
        check(tmp_path, emptiest, series, {})


@pytest.mark.parametrize(("ref", "value"), [("A", 1), ("B", 7), ("C", 993), ("D", 10), ("E", 990)])
def test_what_hosts_hold_that_take_no_vms_stands_apart(ref: str, value: float, tmp_path: Path) -> None:
    check(tmp_path, query("capacity", "On hosts that take no VMs", ref), site(), {'{cloud="uni"}': value})


@pytest.mark.parametrize(
    ("title", "ref", "value"),
    [
        ("vCPUs that may be allocated", "A", 48),
        ("vCPUs that may be allocated", "B", 4),
        ("Memory that may be allocated", "A", 200),
    ],
)
def test_what_may_be_allocated_is_that_of_hosts_that_take_vms(
    title: str, ref: str, value: float, tmp_path: Path
) -> None:
    check(tmp_path, query("capacity", title, ref), site(), {'{cloud="uni"}': value})


@pytest.mark.parametrize(
    ("ref", "of_all", "of_fast"),
    [
        ("A", 32 / 48, 0.75),  # vCPUs
        ("B", 2, 1),  # hosts
        ("C", 16, 10),
        ("D", 0.4, 0.6),  # memory
        ("E", 120, 40),
        ("F", 0.1, 0.1),  # disk
        ("G", 90, 90),
        ("H", 1, None),  # CPUs for pinning
        ("I", 0, None),
    ],
)
def test_host_counts_in_each_of_its_aggregates(
    ref: str, of_all: float, of_fast: float | None, tmp_path: Path
) -> None:
    """One whose hosts take no VMs is not there."""
    found = {'{cloud="uni", aggregate="all"}': of_all, '{cloud="uni", aggregate="fast"}': of_fast}
    there = {labels: value for labels, value in found.items() if value is not None}
    check(tmp_path, query("capacity", "Room by aggregate", ref), site(), there)


@pytest.mark.parametrize(("ref", "value"), [("A", 0.75), ("B", 6), ("C", 2)])
def test_gpus_are_those_of_hosts_that_take_vms(ref: str, value: float, tmp_path: Path) -> None:
    series = dict(site())
    for host, (allocated, allocatable) in {"n1": (6, 8), "off": (0, 64)}.items():
        of = f'cloud="uni", host="{host}", resource="VGPU"'
        for one in "ab":
            series[f'{OF}_resource_allocated{{{of}, instance="{one}"}}'] = f"{allocated}+0x100"
            series[f'{OF}_resource_allocatable{{{of}, instance="{one}"}}'] = f"{allocatable}x100"
    found = {'{cloud="uni", zone="a", resource="VGPU"}': value}
    check(tmp_path, query("capacity", "GPUs and other resource classes", ref), series, found)


def test_state_of_a_flavor_is_that_of_its_alerts(tmp_path: Path) -> None:
    """`week`: it has had no room for so long that the alert no longer speaks of it."""
    record = "flavor:stratoscope_management_flavor_room_vms"
    of = 'cloud="uni", flavor="%s", zone="a"'
    room = {"full": "5x60 2+0x40", "fills": "9-0.05x100", "fine": "7x100", "week": "2+0x100"}
    series = {f"{record}:max{{{of % name}}}": values for name, values in room.items()}
    series |= {"global:flavor_room_vms:threshold": "2x100", "global:room_horizon_seconds:threshold": "60x100"}
    series |= {f"{record}:full{{{of % 'full'}}}": "2x100", f"{record}:filling_up{{{of % 'fills'}}}": "4x100"}
    states = {"full": 3, "fills": 2, "week": 1, "fine": 0}
    found = {f"{{{of % name}}}": state for name, state in states.items()}
    check(tmp_path, query("capacity", "Room by flavor", "D"), series, found)


@pytest.mark.parametrize("title", ["Volumes", "Images", "Networks"])
def test_objects_are_counted_once_in_any_state(title: str, tmp_path: Path) -> None:
    metric = f"stratoscope_management_{title.lower()}"
    series = {
        f'{metric}{{cloud="uni", state="{state}", instance="{one}"}}': f"{count}+0x100"
        for state, count in {"ok": 7, "error": 2}.items()
        for one in "ab"
    }
    check(tmp_path, query("capacity", title), series, {'{cloud="uni"}': 9})


@pytest.mark.parametrize("title", ["Projects", "Users"])
def test_replicas_do_not_count_twice(title: str, tmp_path: Path) -> None:
    metric = f"stratoscope_management_{title.lower()}"
    series = {f'{metric}{{cloud="uni", instance="{one}"}}': "40x100" for one in "ab"}
    check(tmp_path, query("capacity", title), series, {'{cloud="uni"}': 40})


def test_vms_are_counted_in_all_conditions(tmp_path: Path) -> None:
    record = "cloud:stratoscope_management_condition_vms:sum"
    series = {f'{record}{{cloud="uni", condition="{one}"}}': "3x100" for one in ("running", "error")}
    check(tmp_path, query("capacity", "VMs"), series, {'{cloud="uni"}': 6})
