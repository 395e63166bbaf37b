"""Energy counters of the host (RAPL, Intel and AMD). Source: /sys/class/powercap/intel-rapl*/.

Since Linux 5.10 only root can read energy_uj, since it reveals secrets of other processes (CVE-2020-8694): a
udev rule can grant the right to the exporter's group.
"""

import re
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import Read, listed, or_left_out, read_integer
from stratoscope.hypervisor.kernel.paths import Paths

_ZONE: Final = re.compile(r"(intel-rapl(?:-mmio)?:\d+)(:\d+)?")
_MICROJOULES: Final = 1e6


class Zone(msgspec.Struct, frozen=True, gc=False):
    """One power zone.

    Attributes:
        zone: The kernel's unique name: intel-rapl:0, or intel-rapl:0:1 for a part of it.
        parent: The zone whose energy includes this one's; None at the top.
        name: package-0, core, uncore, dram, psys: the same part of two sockets has the same name.
        joules: Counts up to the zone's max_energy_range_uj, then starts again from 0.
    """

    zone: str
    parent: str | None
    name: str
    joules: float


@or_left_out
def read_energy(paths: Paths, reader: Read = files.read) -> tuple[Zone, ...] | None:
    """All zones, parents before their parts; absent in most VMs, and if no driver is loaded.

    A socket may appear twice, by registers (intel-rapl) and by memory (intel-rapl-mmio): do not sum these.

    Raises:
        ValueError: A file is malformed.
    """
    directory = f"{paths.sysfs}/class/powercap"
    zones = [
        _read_zone(directory, match, reader)
        for match in map(_ZONE.fullmatch, sorted(listed(directory)))
        if match
    ]
    return tuple(zone for zone in zones if zone is not None) or None


def _read_zone(directory: str, match: re.Match[str], reader: Read) -> Zone | None:
    """None for a zone that is off or has disappeared."""
    zone = f"{directory}/{match[0]}"
    energy = read_integer(f"{zone}/energy_uj", reader)
    if energy is None:
        return None
    return Zone(
        zone=match[0],
        parent=match[1] if match[2] else None,
        name=(reader(f"{zone}/name") or b"").decode(errors="replace").strip(),
        joules=energy / _MICROJOULES,
    )
