"""The domain of a probe: its definition, and the mark in it.

The mark is an element of our own namespace in the domain's `<metadata>`.
"""

import xml.etree.ElementTree as ET
from importlib.resources import files
from math import inf
from typing import Final
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from stratoscope.clouds.libvirt.lifecycle.capabilities import Guests
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.lifecycle import Mark

DOMAIN: Final = "domain"
"""The kind of its Object."""
NAMESPACE: Final = "urn:stratoscope:vmprobe"
MARKER: Final = b"stratoscope: the VM runs"
"""What the boot sector writes to the serial console, once a second."""
BOOT_SECTOR: Final = str(files(__package__) / "boot_sector.img")

_LINUX_CONSOLE: Final = "console=ttyS0"


def definition(described: Description, guests: Guests, mark: Mark, uuid: UUID) -> str:
    """The XML of the domain of a run."""
    return f"""<domain type='{guests.type}'><name>{escape(mark.name)}</name><uuid>{uuid}</uuid>
<metadata>{_element(mark)}</metadata>
<memory unit='MiB'>{described.memory}</memory><vcpu>{described.vcpus}</vcpu>
<os><type arch='{guests.arch}'>hvm</type>{_boot(described)}</os>
<features><acpi/></features>
<devices>{_disk(described, has_dac=guests.has_dac)}{_interface(described)}
<serial type='pty'/><memballoon model='none'/><controller type='usb' model='none'/></devices></domain>"""


def mark(element: str) -> Mark | None:
    """The mark from the element of our namespace; None if it is none.

    A deadline that makes no sense is none: it never passes.
    """
    try:
        found = ET.fromstring(element).attrib  # noqa: S314 - libvirt parsed it
    except ET.ParseError:
        return None
    tag, run, deadline = found.get("tag"), found.get("run"), found.get("deadline", "")
    if tag is None or run is None:
        return None
    return Mark(tag, found.get("probe", ""), run, float(deadline) if deadline.isdecimal() else inf)


def disk_of(described: Description) -> str:
    """The path of its disk; "" for none."""
    return described.disk or ("" if described.kernel else BOOT_SECTOR)


def _element(mark: Mark) -> str:
    values = {"tag": mark.tag, "probe": mark.probe, "run": mark.run, "deadline": f"{mark.deadline:.0f}"}
    attributes = " ".join(f"{key}={quoteattr(value)}" for key, value in values.items())
    return f"<stratoscope:probe xmlns:stratoscope='{NAMESPACE}' {attributes}/>"


def _boot(described: Description) -> str:
    if not described.kernel:
        return "<boot dev='hd'/>"
    initrd = f"<initrd>{escape(described.initrd)}</initrd>" if described.initrd else ""
    return f"<kernel>{escape(described.kernel)}</kernel>{initrd}<cmdline>{_LINUX_CONSOLE}</cmdline>"


def _disk(described: Description, *, has_dac: bool) -> str:
    """Its disk, read only: several VMs share the file, and its owner stays as it is."""
    path = disk_of(described)
    if not path:
        return ""
    form = "qcow2" if path.endswith(".qcow2") else "raw"
    keeps_owner = "<seclabel model='dac' relabel='no'/>" if has_dac else ""
    return f"""<disk type='file' device='disk'><driver name='qemu' type='{form}'/>
<source file={quoteattr(path)}>{keeps_owner}</source><target dev='vda' bus='virtio'/><readonly/></disk>"""


def _interface(described: Description) -> str:
    if not described.network:
        return ""
    source = f"<source network={quoteattr(described.network)}/>"
    return f"<interface type='network'>{source}<model type='virtio'/><rom enabled='no'/></interface>"
