"""What a template says of a VM: read from oned's own syntax or from XML, and checked as oned checks it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import ParseError, fromstring

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
_RESTRICTED_ALONE: Final = ("EMULATOR", "PCI", "CPU_COST", "MEMORY_COST", "DISK_COST")
_OF_VM: Final = frozenset(
    {
        "CPU", "VCPU", "MEMORY", "DISK", "NIC", "NAME", "GRAPHICS", "OS", "CONTEXT", "FEATURES",
        "CPU_COST", "MEMORY_COST", "DISK_COST", "TEMPLATE_ID", "SUBMIT_ON_HOLD",
    }
)  # fmt: skip
"""What is part of the TEMPLATE; all else is of the USER_TEMPLATE."""


@dataclass(frozen=True, slots=True)
class Sized:
    """What a VM is given.

    Attributes:
        vcpus: What its guest sees; None for oned's default of one.
        user: Its USER_TEMPLATE.
    """

    cpu: float
    vcpus: int | None
    memory_mib: int
    disks: tuple[Mapping[str, str], ...]
    nics: tuple[Mapping[str, str], ...]
    user: dict[str, str] = field(default_factory=dict)

    @property
    def cores(self) -> int:
        """Its claim, in virtual CPUs of the world."""
        return max(1, math.ceil(self.cpu * CPU_RATIO))


def parse(text: str) -> Attributes:
    """The attributes of a text. Raises OneError."""
    return _of_xml(text) if text.lstrip().startswith("<") else _of_text(text)


def sized(found: Attributes) -> Sized:
    """Raises OneError: CPU or memory are missing or no numbers."""
    cpu = _number(found, "CPU")
    if cpu is None or cpu <= 0:
        raise OneError(INTERNAL, "CPU attribute must be a positive float or integer value.")
    memory = _number(found, "MEMORY")
    if memory is None or memory <= 0 or memory != int(memory):
        raise OneError(INTERNAL, "MEMORY attribute must be a positive integer value.")
    vcpus = _number(found, "VCPU")
    user = {
        name: values[0]
        for name, values in found.items()
        if name not in _OF_VM and values and isinstance(values[0], str)
    }
    return Sized(
        cpu, None if vcpus is None else int(vcpus), int(memory), _vectors(found, "DISK"),
        _vectors(found, "NIC"), user,
    )  # fmt: skip


def restricted(found: Attributes) -> str | None:
    """An attribute that only administrators may set; None where there is none."""
    for name in _RESTRICTED_ALONE:
        if name in found:
            return name
    for name, parts in _RESTRICTED.items():
        for vector in _vectors(found, name):
            for part in parts:
                if part in vector:
                    return part
    return None


def of_flavor(flavor: Flavor, image: int, network: int) -> dict[str, object]:
    """The template of a flavor, as oned shows it."""
    claim = flavor.claim(boots_from_volume=False)
    requirements = {"SCHED_REQUIREMENTS": 'PIN_POLICY="PINNED"'} if flavor.is_pinned else {}
    return {
        "CONTEXT": {"NETWORK": "YES"},
        "CPU": number(claim.vcpus / CPU_RATIO + claim.pcpus),
        "CPU_COST": "0.02",
        "DISK": {"IMAGE_ID": image, "SIZE": flavor.disk_gib << 10},
        "DISK_COST": "0.0001",
        "GRAPHICS": {"LISTEN": "127.0.0.1", "TYPE": "VNC"},
        "LABELS": "demo",
        "MEMORY": flavor.memory_mib,
        "MEMORY_COST": "0.01",
        "NIC": {"NETWORK_ID": network},
        **requirements,
        "VCPU": flavor.vcpus,
    }


def number(value: float) -> str:
    """Without a fraction where there is none: `0.25`, `4`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _of_xml(text: str) -> Attributes:
    try:
        root = fromstring(text)  # noqa: S314 - of who may also end this process
    except ParseError as error:
        raise OneError(INTERNAL, f"Parse error: {error}") from error
    found: Attributes = {}
    for child in root:
        value = {part.tag.upper(): part.text or "" for part in child} if len(child) else child.text or ""
        found.setdefault(child.tag.upper(), []).append(value)
    return found


def _of_text(text: str) -> Attributes:
    found: Attributes = {}
    position = 0
    while text[position:].strip():
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            line = text.count("\n", 0, position)
            column = position - text.rfind("\n", 0, position)
            wrong = "syntax error, unexpected VARIABLE, expecting EQUAL"
            where = f"at line {line}, columns {column}:{len(text)}"
            raise OneError(INTERNAL, f"Parse error: {wrong} {where}")
        position = match.end()
        vector = match["vector"]
        value = _plain(match["text"]) if vector is None else {
            part[1].upper(): _plain(part[2]) for part in _PART.finditer(vector)
        }  # fmt: skip
        found.setdefault(match[1].upper(), []).append(value)
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _number(found: Attributes, name: str) -> float | None:
    value = (found.get(name) or [""])[0]
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _vectors(found: Attributes, name: str) -> tuple[dict[str, str], ...]:
    return tuple(one for one in found.get(name, ()) if isinstance(one, dict))
