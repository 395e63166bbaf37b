"""Which hosts, aggregates, flavors and quotas the board of capacity shows, of more than fit."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import pytest

from support.board_values import Series, Site, check, query, what_differs

HOST: Final = "stratoscope_management_host"
STATE: Final = "host:stratoscope_management_host_enabled:and_up"
RATIO: Final = "host:stratoscope_management_host_allocated:ratio"
ROOM: Final = 'flavor:stratoscope_management_flavor_room_vms:max{cloud="lab",flavor="%s",zone="a"}'
QUOTA: Final = "stratoscope_management_quota"
HOSTS: Final = [f"{place:02}" for place in range(60)]


def hosts() -> Series:
    """Each fuller than the one before, in an aggregate of its own, with a resource class of its own."""
    series: dict[str, float | str] = {}
    for place, name in enumerate(HOSTS):
        host = f'cloud="lab", host="{name}"'
        series[f'{STATE}{{{host}, zone="a"}}'] = 1
        series[f'{RATIO}{{{host}, resource="memory"}}'] = place / 100
        series[f'{RATIO}{{{host}, resource="disk"}}'] = 0.001
        series[f'{HOST}_aggregate_info{{{host}, aggregate="{name}"}}'] = 1
        for metric in ("vcpus_{}", "memory_{}_bytes", "disk_{}_bytes", "pcpus_{}"):
            series[f"{HOST}_{metric.format('allocated')}{{{host}}}"] = place
            series[f"{HOST}_{metric.format('allocatable')}{{{host}}}"] = 100
        kind = f'{host}, resource="{name}"'
        # Where there is most, least of it is taken.
        series[f"{HOST}_resource_allocated{{{kind}}}"] = 1
        series[f"{HOST}_resource_allocatable{{{kind}}}"] = place + 1
    return series


def differs(panel: str, shown: dict[str, Collection[str]], label: str, series: Series, folder: Path) -> str:
    """What promtool says if a query of the panel has other rows than these. Args: shown: By query."""
    tests = []
    for ref, names in shown.items():
        rows = f"group by ({label}) ({query('capacity', panel, ref)})"
        tests.append(Site(series).test(rows, {f'{label}="{name}"': 1 for name in names}))
    return what_differs(folder, tests)


@pytest.mark.parametrize(
    ("panel", "label", "refs"),
    [
        ("Room by host", "host", "ABCDEFGHI"),
        ("Room by aggregate", "aggregate", "ABCDEFGHI"),
        ("GPUs and other resource classes", "resource", "ABC"),
    ],
)
def test_all_columns_are_of_the_same_50_that_are_fullest_or_largest(
    panel: str, label: str, refs: str, tmp_path: Path
) -> None:
    assert differs(panel, dict.fromkeys(refs, HOSTS[-50:]), label, hosts(), tmp_path) == ""


@pytest.mark.parametrize("title", ["Room by flavor", "Room over time"])
def test_flavor_that_never_fits_takes_no_place_of_one_that_is_full(title: str, tmp_path: Path) -> None:
    never: dict[str, float | str] = {ROOM % f"gpu{number}": 0 for number in range(60)}
    shown = {ROOM % "small": 9, ROOM % "full": 0}
    series = never | {ROOM % "small": 9, ROOM % "full": "3x50 0+0x40"}
    check(tmp_path, query("capacity", title), series, shown)


def quota(resource: str, unit: str, *, used: int, limit: int) -> Series:
    """Of a project with a limit, as two replicas of an exporter show it, and of one without."""
    of = f'cloud="lab", service="s", resource="{resource}"'
    limited, unlimited = (f'{of}, project_id="{one}"' for one in "pq")
    return {
        f'{QUOTA}_{what}{{{labels}, instance="{replica}"}}': value
        for what, labels, value in (
            (f"used{unit}", limited, used),
            (f"limit{unit}", limited, limit),
            (f"used{unit}", unlimited, 0),
            ("unlimited", unlimited, 1),
        )
        for replica in "ab"
    }


def test_all_columns_have_the_rows_of_what_is_used_most_of_numbers_and_of_sizes(tmp_path: Path) -> None:
    """They are 100 together. What is used most is allowed least."""
    numbers, sizes = ([f"{kind}{place:02}" for place in range(80)] for kind in "ns")
    series: dict[str, float | str] = {}
    for names, unit in ((numbers, ""), (sizes, "_bytes")):
        for place, name in enumerate(names):
            series |= quota(name, unit, used=place + 1, limit=1_000 - place)
    most, largest = numbers[-70:], sizes[-30:]
    shown = {"A": most, "B": most, "C": largest, "D": largest, "E": [*most, *largest]}
    title = "What quotas allow, of all projects"
    assert differs(title, shown, "resource", series, tmp_path) == ""
