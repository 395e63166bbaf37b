"""Objects one by one, if switched on: their identity, state, numbers and parts.

The fields of a class of clouds/objects.py decide its series: the first field is the id; `state`,
`is_admin_up`, numbers and parts have series of their own; all other fields are labels of `info`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.spread import FAMILIES as OF_SPREAD
from stratoscope.management.subjects.spread import spread_samples

_PREFIX: Final = "stratoscope_management_each"
WHOLE = Family(
    f"{_PREFIX}_whole",
    "1 if the objects of all projects are visible, 0 if only those that the credential's own project or "
    "Keystone domain may use, or if the source truncated its list.",
    labels=("cloud", "collector"),
)
BEYOND = Family(
    f"{_PREFIX}_beyond_bound",
    "Objects that are not shown because there are too many; 0 if all are shown.",
    labels=("cloud", "collector"),
)
_ABSENT: Final = "absent if the source does not measure it, or did so too long ago"
_MEASURED: Final = f"the source measured it last; {_ABSENT}"
_STARTED: Final = f"it was started or came to its host, when {_MEASURED}"
_NUMBERS: Final = {
    "size": ("size_bytes", "Size of the {}; absent if the source does not report it."),
    "created": (
        "created_timestamp_seconds",
        "Unix time at which the {} was created; absent if the source does not report it.",
    ),
    "mtu": ("mtu_bytes", "MTU of the {}, in bytes; absent if the source does not report it."),
    "vcpus": ("vcpus", "Virtual CPUs of the {}; absent if the source does not report them."),
    "cpus": (
        "cpus",
        "CPUs of its host that the {} is promised, maybe a part of one; absent if not reported.",
    ),
    "memory": ("memory_bytes", "Memory of the {}; absent if the source does not report it."),
    "disks": ("disks", "Number of disks of the {}; absent if the source does not report it."),
    "nics": ("nics", "Number of network interfaces of the {}; absent if the source does not report it."),
    "cpus_in_use": ("cpus_in_use", f"CPUs of its host that the {{}} used when {_MEASURED}."),
    "memory_in_use": (
        "memory_in_use_bytes",
        f"Memory of its host that the process of the {{}} used when {_MEASURED}.",
    ),
    "network_received": ("network_receive_bytes_total", f"Bytes that the {{}} received since {_STARTED}."),
    "network_transmitted": ("network_transmit_bytes_total", f"Bytes that the {{}} sent since {_STARTED}."),
    "disk_read": ("disk_read_bytes_total", f"Bytes that the {{}} read from its disks since {_STARTED}."),
    "disk_written": ("disk_write_bytes_total", f"Bytes that the {{}} wrote to its disks since {_STARTED}."),
    "disk_reads": (
        "disk_read_requests_total",
        f"Requests of the {{}} to read from its disks since {_STARTED}.",
    ),
    "disk_writes": (
        "disk_write_requests_total",
        f"Requests of the {{}} to write to its disks since {_STARTED}.",
    ),
    "measured": (
        "measured_timestamp_seconds",
        f"Unix time, by its host's clock, at which the use of the {{}} was measured; {_ABSENT}.",
    ),
    "addresses": ("addresses", "Number of addresses in the prefixes of the {}, usable or not."),
}
"""The end of the metric's name, and its help text, by field."""
_OWN_SERIES: Final = frozenset({"state", "is_admin_up", "text", "parts", *_NUMBERS})
"""Fields that are not ordinary labels of `info`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """How one class is shown.

    Attributes:
        facts: The labels of `info`, after `cloud`, by field; the first one is the id.
        has_text: Whether the label `text` comes after them.
        state, admin_up, part: None for what the class does not have.
        numbers: By field.
    """

    facts: Mapping[str, str]
    has_text: bool
    info: Family
    state: Family | None
    admin_up: Family | None
    part: Family | None
    numbers: Mapping[str, Family]

    def families(self) -> Iterable[Family]:
        for family in (self.info, self.state, self.admin_up, *self.numbers.values(), self.part):
            if family is not None:
                yield family

    def samples(self, one: Any, cloud: Labels) -> Iterable[Sample]:
        """Of one object. Args: cloud: Labels(cloud)."""
        (identity, value), *facts = (
            (label, _shown(getattr(one, name))) for name, label in self.facts.items()
        )
        labels = cloud.plus(**{identity: value})
        info = labels.plus(**dict(facts))
        yield self.info(1, info.plus(text=one.text) if self.has_text else info)
        if self.state is not None:
            yield self.state(1, labels.plus(state=one.state))
        if self.admin_up is not None and one.is_admin_up is not None:
            yield self.admin_up(int(one.is_admin_up), labels)
        for name, family in self.numbers.items():
            if (number := getattr(one, name)) is not None:
                yield family(number, labels)
        if self.part is not None:
            for part in dict.fromkeys(one.parts):
                yield self.part(1, labels.plus(**msgspec.structs.asdict(part)))


def _shown(fact: str | bool | None) -> str:
    if isinstance(fact, str):
        return fact
    return "" if fact is None else str(fact).lower()


def _sort(
    kind: type[msgspec.Struct],
    what: str,
    facts: str,
    part: tuple[type[msgspec.Struct], str, str] | None = None,
) -> Sort:
    """How a class is shown.

    Args:
        what: The name of one object; the metrics' names begin with it.
        facts: What its labels are, for the help text.
        part: The class of its parts, the name of one, and its help text.
    """
    fields = kind.__struct_fields__
    labels = {
        name: name.removeprefix("is_").removeprefix("has_") for name in fields if name not in _OWN_SERIES
    }
    identity, *_ = labels.values()
    one = ("cloud", identity)
    metric, has_text = f"{_PREFIX}_{what.lower().replace(' ', '_')}", "text" in fields

    def family(name: str, text: str, *more: str) -> Family:
        return Family(f"{metric}_{name}", text, labels=(*one, *more))

    return Sort(
        facts=labels,
        has_text=has_text,
        info=Family(
            f"{metric}_info",
            f"{facts}; always 1.",
            labels=("cloud", *labels.values(), *(("text",) if has_text else ())),
        ),
        state=family("state", f"State that the {what} is in, as the source spells it; always 1.", "state")
        if "state" in fields
        else None,
        admin_up=family(
            "admin_up",
            f"1 if the {what} is administratively up, 0 if down (admin_state_up); absent if unknown.",
        )
        if "is_admin_up" in fields
        else None,
        part=family(f"{part[1]}_info", f"{part[2]}; always 1.", *part[0].__struct_fields__) if part else None,
        numbers={
            name: family(suffix, text.format(what))
            for name, (suffix, text) in _NUMBERS.items()
            if name in fields
        },
    )


SORTS: Final[Mapping[type[msgspec.Struct], Sort]] = {
    objects.Router: _sort(objects.Router, "router", "The router's name, owner and external network"),
    objects.RouterAgent: _sort(
        objects.RouterAgent, "router agent", "A host whose L3 agent serves the router"
    ),
    objects.Port: _sort(
        objects.Port,
        "port",
        "The port's name, owner, network, device and binding",
        (objects.PortAddress, "address", "A fixed address of the port"),
    ),
    objects.FloatingIP: _sort(
        objects.FloatingIP,
        "floating IP",
        "The floating IP, its owner, and the port and fixed address that it is associated with",
    ),
    objects.Network: _sort(objects.Network, "network", "The network's name, owner and provider network"),
    objects.Subnet: _sort(
        objects.Subnet,
        "subnet",
        "The subnet's name, owner, network and prefix",
        (objects.Nameserver, "nameserver", "A DNS name server that the subnet's DHCP announces"),
    ),
    objects.SubnetPool: _sort(
        objects.SubnetPool,
        "subnet pool",
        "The subnet pool's name and owner",
        (objects.Prefix, "prefix", "A prefix of the subnet pool, from which subnets are allocated"),
    ),
    objects.Volume: _sort(
        objects.Volume,
        "volume",
        "The volume's name, owner, type, zone and backend",
        (objects.Attachment, "attachment", "The VM that the volume is attached to"),
    ),
    objects.Image: _sort(objects.Image, "image", "The image's name, owner and formats"),
    objects.VM: _sort(objects.VM, "VM", "The VM's name, owner and host"),
    objects.Disk: _sort(objects.Disk, "disk", "The disk's VM, image and backend"),
    objects.KeystoneDomain: _sort(
        objects.KeystoneDomain, "Keystone domain", "The Keystone domain's name and description"
    ),
    objects.Project: _sort(
        objects.Project,
        "project",
        "The project's name, Keystone domain, parent and description",
        (objects.Tag, "tag", "A tag of the project"),
    ),
}
"""By class."""


class Each(Subject[objects.Each]):
    families = (
        *(family for sort in SORTS.values() for family in sort.families()), WHOLE, BEYOND, *OF_SPREAD,
    )  # fmt: skip

    def samples(self, answer: objects.Each, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        sort, collector = SORTS[answer.kind], cloud.plus(collector=answer.collector)
        for one in answer.objects:
            yield from sort.samples(one, cloud)
        yield WHOLE(int(answer.is_whole), collector)
        yield BEYOND(answer.beyond, collector)
        if answer.spread is not None:
            yield from spread_samples(answer.spread, cloud)
