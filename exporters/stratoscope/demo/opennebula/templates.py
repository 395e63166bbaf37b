"""What a template says of a VM: read from oned's own syntax, and checked as oned checks it."""

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from stratoscope.demo.opennebula.elements import decimal
from stratoscope.demo.opennebula.errors import INTERNAL, OneError
from stratoscope.demo.world.models import CPU_RATIO, Flavor

Attributes = dict[str, list[str | dict[str, str]]]
"""By name in capitals: each of its values, a text or the parts of a vector."""

_TEXT: Final = r'"(?:\\.|[^"\\])*"|[^\s,\[\]"]+'
_ATTRIBUTE: Final = re.compile(
    rf"\s*(\w+)\s*=\s*(?:\[(?P<vector>(?:{_TEXT}|[\s,=])*)\]|(?P<text>{_TEXT}))\s*"
)
_PART: Final = re.compile(rf"(\w+)\s*=\s*({_TEXT})")
_RESTRICTED: Final = {"NIC": ("MAC", "VLAN_ID", "BRIDGE"), "DISK": ("SOURCE", "TOTAL_BYTES_SEC", "SIZE")}
_OF_VM: Final = frozenset(
    {"CPU", "VCPU", "MEMORY", "NAME", "CPU_COST", "MEMORY_COST", "DISK_COST", "SCHED_REQUIREMENTS"}
)
"""What is part of the TEMPLATE; all else is of the USER_TEMPLATE."""


class Wanted(NamedTuple):
    """What a VM is given.

    Attributes:
        vcpus: What its guest sees; None for oned's default of one.
        disk, nic: The first ones; empty for none.
        user: Its USER_TEMPLATE.
    """

    cpu: float
    vcpus: int | None
    memory_mib: int
    disk: Mapping[str, str]
    nic: Mapping[str, str]
    user: dict[str, str]

    @property
    def cores(self) -> int:
        """Its claim, in virtual CPUs of the world."""
        return max(1, math.ceil(self.cpu * CPU_RATIO))


def parse(text: str) -> Attributes:
    """The attributes of a text. Raises OneError."""
    found: Attributes = {}
    position = 0
    while text[position:].strip():
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            wrong = "syntax error, unexpected VARIABLE, expecting EQUAL"
            where = f"at line {text.count(chr(10), 0, position)}, columns {position}:{len(text)}"
            raise OneError(INTERNAL, f"Parse error: {wrong} {where}")
        position = match.end()
        parts = _PART.finditer(match["vector"] or "")
        value = _plain(match["text"]) if match["text"] else {one[1].upper(): _plain(one[2]) for one in parts}
        found.setdefault(match[1].upper(), []).append(value)
    return found


def wanted_by(found: Attributes) -> Wanted:
    """Raises OneError: CPU or memory are missing or no numbers."""
    cpu, memory, vcpus = (_number(found, name) for name in ("CPU", "MEMORY", "VCPU"))
    if cpu is None or cpu <= 0:
        raise OneError(INTERNAL, "CPU attribute must be a positive float or integer value.")
    if memory is None or memory <= 0 or memory != int(memory):
        raise OneError(INTERNAL, "MEMORY attribute must be a positive integer value.")
    texts = {name: values[0] for name, values in found.items() if name not in _OF_VM}
    disk, nic = ((found.get(name) or [{}])[0] for name in ("DISK", "NIC"))
    return Wanted(
        cpu, None if vcpus is None else int(vcpus), int(memory),
        disk if isinstance(disk, dict) else {}, nic if isinstance(nic, dict) else {},
        {name: value for name, value in texts.items() if isinstance(value, str)},
    )  # fmt: skip


def restricted(found: Attributes) -> str | None:
    """An attribute that only administrators may set; None where there is none."""
    return next(
        (
            part
            for name, parts in _RESTRICTED.items()
            for vector in found.get(name, ())
            for part in parts
            if part in vector
        ),
        None,
    )


def of_flavor(flavor: Flavor, image: int, network: int) -> dict[str, object]:
    """The template of a flavor, as oned shows it."""
    claim = flavor.claim(boots_from_volume=False)
    requirements = {"SCHED_REQUIREMENTS": 'PIN_POLICY="PINNED"'} if flavor.is_pinned else {}
    return {
        "CPU": decimal(claim.vcpus / CPU_RATIO + claim.pcpus), "CPU_COST": "0.02",
        "DISK": {"IMAGE_ID": image, "SIZE": flavor.disk_gib << 10}, "DISK_COST": "0.0001",
        "MEMORY": flavor.memory_mib, "MEMORY_COST": "0.01", "NIC": {"NETWORK_ID": network}, **requirements,
        "VCPU": flavor.vcpus,
    }  # fmt: skip


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _number(found: Attributes, name: str) -> float | None:
    try:
        return float(str(found[name][0]))
    except (KeyError, ValueError):
        return None
