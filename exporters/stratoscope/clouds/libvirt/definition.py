"""Decodes a domain's definition: owner, sizes, limits, devices.

Source: the XML of virDomainGetXMLDesc: `<metadata>` of Nova (namespaces 1.0 and 1.1) and of OpenNebula,
`<os>`, `<vcpu>`, `<memory>`, `<iotune>` of the disks (the QoS limits in force), and the devices (see
hardware).
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt import hardware
from stratoscope.clouds.libvirt.model import DiskLimits, Identity

_ONE_NAME: Final = re.compile(r"one-([0-9]{1,19})\Z")
_UNITS: Final = {"b": 1, "bytes": 1, "KB": 10**3, "k": 2**10, "KiB": 2**10, "MB": 10**6, "M": 2**20,
                 "MiB": 2**20, "GB": 10**9, "G": 2**30, "GiB": 2**30, "TB": 10**12, "T": 2**40,
                 "TiB": 2**40}  # fmt: skip
_IDS: Final = ("project_id", "user_id", "image")


def parse(text: str) -> Identity:
    """The Identity from a definition.

    Raises:
        ValueError, ET.ParseError, KeyError: It is malformed.
    """
    root = ET.fromstring(text)  # noqa: S314 - libvirt wrote it
    domain, uuid = root.findtext("name"), root.findtext("uuid")
    if not domain or not uuid:
        raise ValueError("a definition without name or uuid")
    facts = _nova(root) or _opennebula(root) or {"name": domain}
    if any(hardware.is_too_long(facts.get(name, "")) for name in _IDS):
        raise ValueError("an id that is longer than any id is")
    machine = root.find("os/type")
    disks, odd_disks = hardware.disks(root)
    nics, odd_nics = hardware.nics(root)
    return Identity(
        vm_id=vm_id(uuid, domain),
        **facts,
        vcpus=_vcpus(root),
        memory_bytes=_memory(root.find("memory")),
        current_memory_bytes=_memory(root.find("currentMemory")),
        limits=tuple(_limits(root)),
        os_type="" if machine is None else machine.text or "",
        arch="" if machine is None else machine.get("arch", ""),
        machine="" if machine is None else machine.get("machine", ""),
        vcpu_states=hardware.vcpu_states(root),
        disks=disks,
        nics=nics,
        malformed=odd_disks + odd_nics,
    )


def vm_id(uuid: str, domain: str) -> str:
    """The id in the management layer, from UUID and name: N of `one-N`, else the UUID."""
    opennebula = _ONE_NAME.match(domain)
    return opennebula.group(1) if opennebula else uuid


def _nova(root: ET.Element) -> dict[str, str] | None:
    instance = root.find("metadata/{*}instance")
    if instance is None:
        return None
    none = ET.Element("none")

    def part(path: str) -> ET.Element:
        found = instance.find(path)
        return none if found is None else found

    image = part("{*}root")
    return {
        "name": part("{*}name").text or "",
        "project_id": part("{*}owner/{*}project").get("uuid", ""),
        "project_name": part("{*}owner/{*}project").text or "",
        "user_id": part("{*}owner/{*}user").get("uuid", ""),
        "user_name": part("{*}owner/{*}user").text or "",
        "flavor": part("{*}flavor").get("name", ""),
        "image": image.get("uuid", "") if image.get("type") == "image" else "",
    }


def _opennebula(root: ET.Element) -> dict[str, str] | None:
    vm = root.find("metadata/{http://opennebula.org/xmlns/libvirt/1.0}vm")
    if vm is None:
        return None
    names = {
        "name": "name",
        "project_id": "gid",
        "project_name": "gname",
        "user_id": "uid",
        "user_name": "uname",
    }
    return {ours: vm.findtext(f"{{*}}{theirs}") or "" for ours, theirs in names.items()}


def _vcpus(root: ET.Element) -> int | None:
    vcpu = root.find("vcpu")
    return None if vcpu is None else int(vcpu.get("current") or vcpu.text or "")


def _memory(memory: ET.Element | None) -> int | None:
    if memory is None:
        return None
    return int(memory.text or "") * _UNITS[memory.get("unit", "KiB")]


def _limits(root: ET.Element) -> Iterable[DiskLimits]:
    for disk in root.iterfind("devices/disk"):
        target, iotune = disk.find("target"), disk.find("iotune")
        if target is None or iotune is None:
            continue
        limits = tuple((child.tag, int(child.text or "")) for child in iotune if child.tag != "group_name")
        yield DiskLimits(target.get("dev", ""), limits)
