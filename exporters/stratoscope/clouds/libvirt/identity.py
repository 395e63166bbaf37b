"""Whose VM a domain is: its live definition, read once and anew when the domain changes.

Source: virDomainGetXMLDesc, which asks no monitor: `<metadata>` of Nova (namespaces 1.0 and 1.1) and of OpenNebula,
`<vcpu>`, `<memory>`, `<iotune>` of the disks (the QoS limits in force) and the link state of the interfaces.
"""

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import libvirt

from stratoscope.clouds.libvirt.connections import Connection
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import DiskLimits, Identity, Tap

READ_ANEW_AFTER_S: Final = 600
"""A definition is read anew at this age even without an event that says it changed; a few at a time."""
_AT_ONCE: Final = 10
_ONE_NAME: Final = re.compile(r"one-(\d+)\Z")
_UNITS: Final = {"b": 1, "bytes": 1, "KB": 10**3, "k": 2**10, "KiB": 2**10, "MB": 10**6, "M": 2**20, "MiB": 2**20,
                 "GB": 10**9, "G": 2**30, "GiB": 2**30, "TB": 10**12, "T": 2**40, "TiB": 2**40}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    domain_id: int
    read_at: float


class Identities:
    """The identities of the domains there are now: one entry each, so the cache is bounded by their number."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Known] = {}
        self._monotonic = monotonic

    def known(self) -> Mapping[str, Identity]:
        return {uuid: known.identity for uuid, known in self._known.items()}

    def forget(self, uuid: str) -> None:
        """The domain changed: read it anew next time, and show what is known until then."""
        known = self._known.get(uuid)
        if known is not None:
            self._known[uuid] = _Known(known.identity, known.domain_id, float("-inf"))

    def missing(self, domains: Mapping[str, int]) -> list[str]:
        """What must be read now, given the UUIDs and ids of all domains; those that are gone are forgotten."""
        self._known = {uuid: known for uuid, known in self._known.items() if uuid in domains}
        new, changed, old = [], [], []
        now = self._monotonic()
        for uuid, domain_id in domains.items():
            known = self._known.get(uuid)
            if known is None or known.domain_id != domain_id:
                new.append(uuid)
            elif known.read_at == float("-inf"):
                changed.append(uuid)
            elif now - known.read_at > READ_ANEW_AFTER_S:
                old.append(uuid)
        return new + changed + old[:_AT_ONCE]

    def learn(self, read: Mapping[str, tuple[int, Identity]]) -> None:
        now = self._monotonic()
        self._known |= {
            uuid: _Known(identity, domain_id, now) for uuid, (domain_id, identity) in read.items()
        }


def read(
    connection: Connection, uuids: Iterable[str], ids: Mapping[str, int]
) -> tuple[dict[str, tuple[int, Identity]], int]:
    """Identities of these domains, and how many definitions made no sense; blocks.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    found, malformed = {}, 0
    for uuid in uuids:
        try:
            text = connection.domain(uuid).XMLDesc(0)
        except libvirt.libvirtError as error:
            if error.get_error_code() in GONE:
                continue
            raise
        try:
            found[uuid] = (ids[uuid], parse(text))
        except (ET.ParseError, ValueError, KeyError):
            malformed += 1
    return found, malformed


def parse(text: str) -> Identity:
    """The identity that a definition gives.

    Raises:
        ValueError, ET.ParseError, KeyError: It makes no sense.
    """
    root = ET.fromstring(text)  # noqa: S314 - libvirt wrote it
    domain, uuid = root.findtext("name", ""), root.findtext("uuid", "")
    facts = _nova(root) or _opennebula(root) or {"name": domain}
    opennebula = _ONE_NAME.match(domain)
    return Identity(
        vm_id=opennebula.group(1) if opennebula else uuid,
        **facts,
        vcpus=_vcpus(root),
        memory_bytes=_memory(root.find("memory")),
        limits=tuple(_limits(root)),
        taps=tuple(_taps(root)),
    )


def vm_id(uuid: str, domain: str) -> str:
    """The id in the management layer, from UUID and name alone: N of `one-N`, else the UUID."""
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


def _taps(root: ET.Element) -> Iterable[Tap]:
    for interface in root.iterfind("devices/interface"):
        target, link = interface.find("target"), interface.find("link")
        if target is not None and target.get("dev"):
            yield Tap(target.get("dev", ""), link is None or link.get("state") != "down")
