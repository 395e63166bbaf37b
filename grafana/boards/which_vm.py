"""Which VM is it: for operators, who look for one by its name, or for those that load hosts and storage."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours
from boards.panels import NARROW, NO_LIMIT, NOT_MEASURED, About, Column, Look, Panel, Query, cells, rows

_MOST: Final = 50
"""Rows of a table."""
_CLOUD: Final = 'cloud=~"$cloud"'
_INFO: Final = f'vm:stratoscope_vm_info:unique{{{_CLOUD},host=~"$host"'
_LIKE: Final = "=~`(?is).*${search:regex}.*`"
"""Grafana escapes what is typed: it is no pattern. Between other quotes PromQL would read the backslashes."""
_PORTS: Final = f'stratoscope_management_each_port_info{{{_CLOUD},vm_id!=""}}'
_FIXED: Final = f"stratoscope_management_each_port_address_info{{{_CLOUD}"
_FLOATING: Final = f"stratoscope_management_each_floating_ip_info{{{_CLOUD}"
_WITH_ADDRESS: Final = (
    f"{_PORTS} and on (cloud, port_id) ({_FIXED},address{_LIKE}}} or {_FLOATING},address{_LIKE}}})"
)
_FOUND: Final = (
    f"({_INFO},vm_name{_LIKE}}} or on (cloud, vm_id) {_INFO},vm_id{_LIKE}}}"
    f" or on (cloud, vm_id) ({_INFO}}} and on (cloud, vm_id) ({_WITH_ADDRESS})))"
)
_NAMES: Final = "vm_name, project_id, project_name, host"
_OF_VMS: Final = board.OF_VMS
_RAW: Final = "stratoscope_hypervisor_vm_"
_UNSEEN: Final = "no hypervisor exporter shows such a VM."
_PARTS: Final = "its disks and interfaces, of one VM alone, are in the last row after a click on its id"
_TO_ITSELF: Final = (
    "/d/stratoscope-vms?var-search=${__data.fields.vm_id:percentencode}"
    "&var-cloud=${__data.fields.cloud:percentencode}&${datasource:queryparam}"
)
_NAME: Final = Column("vm_name", "VM", link=board.LINK_TO_VM)
_WHOSE: Final = (Column("project_name", "Project"), Column("host", "Host"), Column("cloud", "Cloud"))
_IDS: Final = (
    Column("vm_id", "Id", link=_TO_ITSELF),
    Column("project_id", "Project's id", hidden=True),
)
_OF_LINKS: Final = (Column("vm_id", "Id", hidden=True), Column("project_id", "Project's id", hidden=True))
_CLOUD_OF_LINKS: Final = Column("cloud", "Cloud", hidden=True)
_PER_SECOND: Final = Look(unit="Bps")
_DEVICE: Final = "cloud, instance, vm_id, device"
_REQUESTS: Final = Look(unit="iops")
_PACKETS: Final = Look(unit="pps")
_OF_LIMIT: Final = Look(unit="percentunit", colours=colours.steps((0.8, colours.NEAR), (0.95, colours.BAD)))


def made() -> Dashboard:
    """A search, and the VMs that use most; both can be used at once."""
    answer = (
        "For operators: a VM by a part of its name, id or address, and the VMs that load hosts, storage and"
        " network most. What is typed confines the first table and the last row, hosts confine all."
    )
    made = board.board("vms", "Which VM is it?", answer, board.clouds(), board.hosts(), board.search())
    made = board.with_rows(
        made,
        {
            "Find a VM": (_counts(), _found()),
            "Which VM loads hosts, storage, network?": (_cpu(), _requests(), _bytes(), _traffic()),
        },
    )
    parts = (_addresses(), _disks(), _interfaces(), _losses())
    return board.with_closed_row(made, "Addresses, single disks and interfaces", parts)


def _counts() -> Panel:
    good = (
        "Few: a part of a name is enough, in small or capital letters. It is text, not a pattern."
        f" Tables show {_MOST} at most."
    )
    queries = [
        Query(f"count(group by (cloud, vm_id) ({_FOUND})) or 0 * count({_INFO}}})", "found"),
        Query(f"count(group by (cloud, vm_id) ({_INFO}}}))", "of all"),
    ]
    about = About("How many VMs", good, empty="nothing shows a VM there.")
    return cells(about, Look(colours=colours.steps(below=colours.PLAIN)), *queries).height(3)


def _found() -> Panel:
    good = f"One, the VM that you look for: its name leads to One VM; {_PARTS}."
    labels = "cloud, vm_id, vm_name, project_id, project_name, host, flavor"
    most = f"topk({_MOST}, group by ({labels}) ({board.one_of_vm(_FOUND)}))"
    known = " or on (cloud, vm_id) ".join(
        f"timestamp({metric}{{{_CLOUD}}})" for metric in ("stratoscope_management_vm_state", f"{_RAW}state")
    )
    state = board.one_of_vm(f"({known}) and on (cloud, vm_id) {most}")
    columns = [
        _NAME,
        Column("state", "State", missing=NOT_MEASURED),
        *_WHOSE[:2],
        Column("flavor", "Flavor"),
        _WHOSE[2],
        *_IDS,
    ]
    about = About(
        f"VMs that are found, {_MOST} at most", good, empty="no VM is called so.", seen=f"{_INFO}}}"
    )
    panel = rows(about, columns, Query(most), Query(f"group by (cloud, vm_id, state) ({state})"))
    return panel.sort_by([TableSortByFieldState().display_name("VM").desc(False)])


def _cpu() -> Panel:
    good = (
        "Below what their flavors were sold for. CPUs that a VM uses, and the memory of its process; steal is"
        " what it waits for. Of one that no hypervisor exporter shows: what the management layer measured, if"
        " it is asked for single VMs."
    )
    used = f"{_OF_VMS}cpu_seconds:rate5m{{{_CLOUD}}} or on (cloud, vm_id) {_each('cpus_in_use')}"
    memory = f"max by (cloud, vm_id) ({_RAW}memory_rss_bytes{{{_CLOUD}}})"
    beside = {
        f"{_OF_VMS}cpu_seconds:rate5m_ratio{{{_CLOUD}}}": ("Of its CPUs", Look(unit="percentunit")),
        f"{_OF_VMS}vcpu_delay_seconds:rate5m_ratio{{{_CLOUD}}}": ("Steal", Look(unit="percentunit")),
        f"({memory} or {_each('memory_in_use_bytes')})": ("Memory", Look(unit="bytes")),
    }
    return _busiest("CPU", good, f"({used})", ("CPUs", Look()), beside)


def _each(what: str) -> str:
    """What the management layer measured of each VM, such as OpenNebula's probes."""
    return f"max by (cloud, vm_id) (stratoscope_management_each_vm_{what}{{{_CLOUD}}})"


def _requests() -> Panel:
    good = "Below what the storage was built for: each reads or writes its disks so often in a second."
    read, written = (f"{_OF_VMS}disk_{way}_requests:rate5m{{{_CLOUD}}}" for way in ("read", "write"))
    beside = {read: ("Reads", _REQUESTS), written: ("Writes", _REQUESTS)}
    return _busiest("disk requests", good, f"{read} + {written}", ("Requests", _REQUESTS), beside)


def _bytes() -> Panel:
    good = "Below what the storage and its network were built for."
    read, written = (f"{_OF_VMS}disk_{way}_bytes:rate5m{{{_CLOUD}}}" for way in ("read", "write"))
    beside = {read: ("Read", _PER_SECOND), written: ("Written", _PER_SECOND)}
    return _busiest("disk traffic", good, f"{read} + {written}", ("Traffic", _PER_SECOND), beside)


def _traffic() -> Panel:
    good = "Below what the network was built for. Many packets with little traffic are a flood or a scan."
    ways = ("receive", "transmit")
    received, sent = (f"{_OF_VMS}network_{way}_bytes:rate5m{{{_CLOUD}}}" for way in ways)
    packets = " + ".join(f"{_OF_VMS}network_{way}_packets:rate5m{{{_CLOUD}}}" for way in ways)
    beside = {
        received: ("Received", _PER_SECOND),
        sent: ("Sent", _PER_SECOND),
        f"({packets})": ("Packets", _PACKETS),
    }
    return _busiest("network traffic", good, f"{received} + {sent}", ("Traffic", _PER_SECOND), beside)


def _busiest(
    what: str, good: str, ranked: str, heading: tuple[str, Look], beside: Mapping[str, tuple[str, Look]]
) -> Panel:
    """The VMs of which `ranked` is largest, and what else is known of them."""
    most = f"topk({_MOST}, {ranked} and on (cloud, vm_id) {_INFO}}})"
    queries = [Query(_named(most)), *(Query(_of_those("cloud, vm_id", expr, most)) for expr in beside)]
    values = [
        Column(f"Value #{place}", name, look)
        for place, (name, look) in zip("ABCD", (heading, *beside.values()), strict=False)
    ]
    about = About(f"The {_MOST} VMs with most {what}", good, empty=_UNSEEN)
    panel = rows(about, [_NAME, *values, *_WHOSE, *_OF_LINKS], *queries)
    return _most_first(panel, heading[0])


def _named(most: str) -> str:
    """With names; a VM that has no host, such as one that is shelved, has an empty one."""
    return f"{most} * on (cloud, vm_id) group_left ({_NAMES}) {board.one_of_vm(f'{_INFO}}}')}"


def _of_those(labels: str, expr: str, most: str) -> str:
    return f"max by ({labels}) ({expr} and on ({labels}) {most})"


def _addresses() -> Panel:
    good = "Those that the network service knows. Single ports are collected where the configuration says so."
    numbered = " or ".join(
        f"{number} * group by (cloud, port_id, address) ({metric}}})"
        for number, metric in ((1, _FIXED), (2, _FLOATING))
    )
    port = f"topk by (cloud, port_id) (1, {_PORTS})"
    of_vms = f"{board.one_of_vm(_FOUND)} * on (cloud, vm_id) group_right ({_NAMES}) ({port})"
    expr = f"topk({_MOST}, ({numbered}) * on (cloud, port_id) group_left (vm_id, {_NAMES}) ({of_vms}))"
    kinds = Look(words={"1": ("fixed", colours.PLAIN), "2": ("floating", colours.PLANNED)})
    columns = [_NAME, Column("address", "Address"), Column("Value", "Kind", kinds), *_WHOSE, *_IDS]
    about = About(f"Their addresses, {_MOST} at most", good, empty="no management exporter shows ports.")
    return rows(about, columns, Query(expr))


def _rate(metric: str) -> str:
    return f"rate({_RAW}{metric}_total{{{_CLOUD}}}[$__rate_interval])"


def _disks() -> Panel:
    good = "Below 80 % of its limits, where it has some: at a limit its requests wait."
    requests, sizes = (
        [_rate(f"disk_{way}_{what}") for way in ("read", "write")] for what in ("requests", "bytes")
    )
    values = {
        " + ".join(requests): ("Requests", _REQUESTS),
        requests[0]: ("Reads", _REQUESTS),
        requests[1]: ("Writes", _REQUESTS),
        sizes[0]: ("Read", _PER_SECOND),
        sizes[1]: ("Written", _PER_SECOND),
        _of_limits("requests", "iops", requests): ("Requests/limit", _OF_LIMIT),
        _of_limits("bytes", "bytes", sizes): ("Traffic/limit", _OF_LIMIT),
    }
    volume = Column("serial", "Volume")
    return _devices("disks", good, values, ("disk_info", volume))


def _of_limits(what: str, word: str, rates: list[str]) -> str:
    """The largest share of the limits of reads, of writes and of both."""
    used = {"read": rates[0], "write": rates[1], "total": f"({' + '.join(rates)})"}
    limits = f"{_RAW}disk_limit_{what}_per_second{{{_CLOUD}"
    shares = " or ".join(
        f"max by ({_DEVICE}) ({rate}) / on ({_DEVICE}) group_right ()"
        f' ({limits},limit="{way}_{word}_sec"}} > 0)'
        for way, rate in used.items()
    )
    return f"({shares})"


def _interfaces() -> Panel:
    good = "All are up. An interface that is down cannot be reached, though its VM runs."
    received, sent = (_rate(f"network_{way}_bytes") for way in ("receive", "transmit"))
    packets = " + ".join(_rate(f"network_{way}_packets") for way in ("receive", "transmit"))
    is_up = Look(words={"0": ("down", colours.BAD), "1": ("up", colours.GOOD)})
    values = {
        f"{received} + {sent}": ("Traffic", _PER_SECOND),
        received: ("Received", _PER_SECOND),
        sent: ("Sent", _PER_SECOND),
        f"({packets})": ("Packets", _PACKETS),
        f"{_RAW}network_up{{{_CLOUD}}}": ("Is it up?", is_up),
    }
    address = Column("mac", "MAC address")
    return _devices("interfaces", good, values, ("nic_info", address))


def _devices(what: str, good: str, values: Mapping[str, tuple[str, Look]], info: tuple[str, Column]) -> Panel:
    """Single devices: those of which the first of the values is largest, with a label of their `info`."""
    by, (metric, fact) = "cloud, vm_id, device", info
    ranked, *beside = values
    most = _largest(ranked)
    facts = f"topk by ({by}) (1, {_RAW}{metric}{{{_CLOUD}}} and on ({by}) {most})"
    named = f"group by ({by}, {fact.name}) ({facts})"
    queries = [Query(_named(most)), *(Query(_of_those(by, expr, most)) for expr in beside), Query(named)]
    shown = [
        Column(f"Value #{place}", name, look, missing=NO_LIMIT if look is _OF_LIMIT else "")
        for place, (name, look) in zip("ABCDEFG", values.values(), strict=False)
    ]
    about = About(f"The {_MOST} busiest {what}", good, empty=_UNSEEN)
    columns = [_NAME, _WHOSE[1], Column("device", "Device"), *shown, fact, _CLOUD_OF_LINKS, *_OF_LINKS]
    return _most_first(rows(about, columns, *queries).min_width(NARROW), shown[0].heading)


def _most_first(panel: table.Panel, heading: str) -> Panel:
    return panel.sort_by([TableSortByFieldState().display_name(heading).desc(True)])


def _largest(ranked: str) -> str:
    """Devices of VMs that are found of which it is largest; of two hosts that show one, the larger value."""
    return f"topk({_MOST}, max by (cloud, vm_id, device) ({ranked} and on (cloud, vm_id) {_FOUND}))"


def _losses() -> Panel:
    good = "None. Packets are dropped where a VM or its host is too slow to take them; a driver makes errors."
    errors, drops = (
        " + ".join(_rate(f"network_{way}_{what}") for way in ("receive", "transmit"))
        for what in ("errors", "drops")
    )
    by = "cloud, vm_id, device"
    most = _largest(f"({errors} + {drops} > 0)")
    beside = {f"({errors})": ("Errors", _PACKETS), f"({drops})": ("Drops", _PACKETS)}
    queries = [Query(_named(most)), *(Query(_of_those(by, expr, most)) for expr in beside)]
    values = [
        Column(f"Value #{place}", name, look)
        for place, (name, look) in zip("ABC", (("Lost", _PACKETS), *beside.values()), strict=True)
    ]
    about = About(
        f"The {_MOST} interfaces that lose most packets",
        good,
        empty="no packet is lost.",
        seen=f"{_RAW}network_receive_drops_total{{{_CLOUD}}} and on (cloud, vm_id) {_FOUND}",
    )
    columns = [_NAME, _WHOSE[1], Column("device", "Device"), *values, _CLOUD_OF_LINKS, *_OF_LINKS]
    return _most_first(rows(about, columns, *queries), "Lost")
