"""Decodes virtual CPUs, disks and interfaces of a definition. Source: the XML of virDomainGetXMLDesc."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from stratoscope.clouds.libvirt.model import DiskFacts, Nic

T = TypeVar("T")

LONGEST_NAME: Final = 1024
"""Longest name in bytes. An item with a longer name is left out: a cut name would not identify it."""
MOST_VCPUS: Final = 4096
"""No hypervisor has more; a definition may have any number."""
_ONE_TAP: Final = re.compile(r"one-\d+-(\d+)\Z")
_NEUTRON_TAP: Final = re.compile(r"(?:tap|qvo|vhu|macvtap)?([0-9a-f-]{11})\Z")
_NONE: Final = ET.Element("none")


def is_too_long(name: str) -> bool:
    """Whether a name is too long."""
    if len(name) > LONGEST_NAME or name.isascii():
        return len(name) > LONGEST_NAME
    return len(name.encode(errors="replace")) > LONGEST_NAME


def vcpu_states(root: ET.Element) -> tuple[tuple[int, str], ...]:
    """Number and state of every virtual CPU: those of `<vcpus>`, else the first `current` are online.

    Raises:
        ValueError: A number is malformed.
    """
    listed = root.findall("vcpus/vcpu")[:MOST_VCPUS]
    if listed:
        return tuple((int(one.get("id", "")), _state(one.get("enabled") == "yes")) for one in listed)
    vcpu = root.find("vcpu")
    if vcpu is None:
        return ()
    maximum = int(vcpu.text or "")
    current = int(vcpu.get("current") or maximum)
    return tuple((number, _state(number < current)) for number in range(min(maximum, MOST_VCPUS)))


def disks(root: ET.Element) -> tuple[tuple[DiskFacts, ...], int]:
    """The disks, and how many are malformed."""
    return _each(root.iterfind("devices/disk"), _disk)


def nics(root: ET.Element) -> tuple[tuple[Nic, ...], int]:
    """The interfaces, and how many are malformed."""
    ports = [port.get("uuid", "") for port in root.iterfind("metadata/{*}instance/{*}ports/{*}port")]
    interfaces = root.findall("devices/interface")
    only = ports[0] if len(ports) == len(interfaces) == 1 else ""
    by_tap = {port[:11]: port for port in ports}
    return _each(interfaces, lambda one: _nic(one, by_tap, only))


def _state(is_online: bool) -> str:
    return "running" if is_online else "offline"


def _each(elements: Iterable[ET.Element], read: Callable[[ET.Element], T]) -> tuple[tuple[T, ...], int]:
    found: list[T] = []
    malformed = 0
    for element in elements:
        try:
            found.append(read(element))
        except ValueError:
            malformed += 1
    return tuple(found), malformed


def _disk(disk: ET.Element) -> DiskFacts:
    target, driver, source = (_part(disk, name) for name in ("target", "driver", "source"))
    device = target.get("dev", "")
    if not device:
        raise ValueError("a disk without a name")
    source_type = disk.get("type", "")
    return DiskFacts(
        device=_id(device),
        kind=disk.get("device", "disk"),
        bus=target.get("bus", ""),
        source_type=source_type,
        source=_source(source_type, source),
        protocol=source.get("protocol", ""),
        format=driver.get("type", ""),
        serial=_id((disk.findtext("serial") or "").strip()),
        cache=driver.get("cache", ""),
        discard=driver.get("discard", ""),
        io=driver.get("io", ""),
        mirror=_mirror(disk.find("mirror")),
    )


def _source(source_type: str, source: ET.Element) -> str:
    """The source of a disk, from the attribute of its type."""
    if source_type == "volume":
        return f"{source.get('pool', '')}/{source.get('volume', '')}" if source.get("volume") else ""
    if source_type == "nvme":
        address = _part(source, "address")
        parts = [
            address.get(name, "0x0").removeprefix("0x") for name in ("domain", "bus", "slot", "function")
        ]
        return "{}:{}:{}.{}/".format(*parts) + source.get("namespace", "") if len(address.attrib) else ""
    if source_type == "vhostuser":
        return source.get("path", "")
    for name in ("file", "dev", "dir", "name"):
        if source.get(name):
            return source.get(name, "")
    return ""


def _mirror(mirror: ET.Element | None) -> str:
    """The block job that mirrors a disk; libvirt before 1.2.9 wrote no `job`, which means copy."""
    return "" if mirror is None else mirror.get("job", "copy")


def _nic(interface: ET.Element, by_tap: Mapping[str, str], only: str) -> Nic:
    target, source, port = (_part(interface, name) for name in ("target", "source", "virtualport"))
    device, kind = _id(target.get("dev", "")), interface.get("type", "")
    return Nic(
        device=device,
        link=_part(interface, "link").get("state") != "down",
        kind=kind,
        mac=_id(_part(interface, "mac").get("address", "")),
        model=_part(interface, "model").get("type", ""),
        bridge=source.get("bridge", "") or (source.get("dev", "") if kind == "direct" else ""),
        network=source.get("network", ""),
        switch=port.get("type", ""),
        port_id=_id(_port_id(device, port, by_tap) or only),
    )


def _port_id(device: str, port: ET.Element, by_tap: Mapping[str, str]) -> str:
    """The port in the management layer: Open vSwitch's id, Nova's ports, or OpenNebula's name of the tap."""
    interface_id = _part(port, "parameters").get("interfaceid", "")
    if interface_id:
        return interface_id
    of_one, of_neutron = _ONE_TAP.match(device), _NEUTRON_TAP.match(device)
    if of_one:
        return of_one.group(1)
    return by_tap.get(of_neutron.group(1), "") if of_neutron else ""


def _id(text: str) -> str:
    if is_too_long(text):
        raise ValueError(f"a name of {len(text)} characters")
    return text


def _part(element: ET.Element, name: str) -> ET.Element:
    found = element.find(name)
    return _NONE if found is None else found
