"""The section `hypervisor:` of the configuration, and the exporter's own flags."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from stratoscope.clouds.abilities import Hypervisor
from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.registry import configured
from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config import Section, known_keys, section
from stratoscope.core.errors import ConfigError
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.collectors.host import PARTS
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.subjects.cgroup import CGROUP_MEMORY, OOM, PRESSURE, THROTTLING
from stratoscope.hypervisor.subjects.checks import CHECKS
from stratoscope.hypervisor.subjects.cpu import CPU
from stratoscope.hypervisor.subjects.devices import DEVICES
from stratoscope.hypervisor.subjects.disks import DISKS, LIMITS
from stratoscope.hypervisor.subjects.info import info
from stratoscope.hypervisor.subjects.memory import GUEST_HUGE_PAGES, GUEST_MEMORY, MEMORY
from stratoscope.hypervisor.subjects.monitor import MONITOR
from stratoscope.hypervisor.subjects.network import NETWORK, TAPS
from stratoscope.hypervisor.subjects.off import OFF
from stratoscope.hypervisor.subjects.state import STATE_SUBJECT
from stratoscope.hypervisor.subjects.storage import STORAGE

SCHEDULES: Final[Mapping[str, Every | OnScrape]] = {
    "domains": OnScrape(10),
    "daemon": OnScrape(5),
    "events": OnScrape(5),
    "host": OnScrape(5),
    "node": OnScrape(5),
    "pools": Every(interval_s=60, timeout_s=30, max_age_s=300),
    "networks": Every(interval_s=60, timeout_s=30, max_age_s=300),
    "jobs": Every(interval_s=15, timeout_s=10, max_age_s=60),
    "mirrors": Every(interval_s=15, timeout_s=10, max_age_s=60),
    "block_jobs": Every(interval_s=60, timeout_s=30, max_age_s=300),
    "halt_poll": Every(interval_s=60, timeout_s=30, max_age_s=300),
}
"""Every collector, with the schedule that holds unless the configuration says otherwise."""
OFF_BY_DEFAULT: Final = frozenset({"halt_poll", "block_jobs", "cgroup_memory", "guest_huge_pages"})
"""The first two ask every monitor once more; the others are more series for each VM."""
_NEEDS_DOMAINS: Final = frozenset({"events", "jobs", "mirrors", "block_jobs", "halt_poll"})
"""What knows VMs' ids, and hears of them, through the collector `domains`."""


def subjects(host: str) -> tuple[Subject, ...]:
    """Every subject of the VMs of one host, in the order of the page."""
    return (
        info(host),
        DEVICES,
        STATE_SUBJECT,
        CPU,
        MEMORY,
        GUEST_MEMORY,
        GUEST_HUGE_PAGES,
        DISKS,
        LIMITS,
        STORAGE,
        NETWORK,
        TAPS,
        PRESSURE,
        THROTTLING,
        OOM,
        CGROUP_MEMORY,
        MONITOR,
        CHECKS,
        OFF,
    )


class Settings(msgspec.Struct, frozen=True):
    """What is in force.

    Attributes:
        hypervisor: Its collectors are collectors, subjects of VMs and parts of the host.
    """

    clouds: list[LibvirtCloud]
    hypervisor: Section
    paths: Paths

    def is_on(self, name: str) -> bool:
        """Whether a collector, subject or part is run."""
        if name in _NEEDS_DOMAINS and not self.is_on("domains"):
            return False
        return self.hypervisor.is_on(name, default=name not in OFF_BY_DEFAULT)

    def schedule(self, name: str) -> Every | OnScrape:
        return self.hypervisor.schedule(name, SCHEDULES[name], "hypervisor")

    def max_series(self, name: str) -> int:
        return self.hypervisor.max_series_of(name)


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:
    """The settings from a configuration file; without one, the libvirt of this machine.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    clouds = [*configured(document, Hypervisor)]
    if not clouds:
        raise ConfigError("clouds: no entry of kind libvirt, and the hypervisor exporter needs one")
    own = section(document, "hypervisor", Section)
    settings = Settings(clouds, own, _paths(flags))
    _check_collectors(settings)
    return settings


def _paths(flags: Mapping[str, str]) -> Paths:
    """Mount points; a default may be absent (there may be no cgroups), what is given must be there."""
    for flag, (default, _) in PROGRAM.flags.items():
        given = flags[flag]
        if given != default and not (given and Path(given).is_dir()):
            raise ConfigError(f"--{flag}: {given!r} is no directory; allowed: where it is mounted")
    return Paths(*(flags[flag].rstrip("/") for flag in PROGRAM.flags))


def _check_collectors(settings: Settings) -> None:
    parts = {subject.name for subject in subjects("")} | {part.name for part in PARTS}
    known_keys(settings.hypervisor.collectors, {*SCHEDULES, *parts}, "hypervisor.collectors")
    for name, collector in settings.hypervisor.collectors.items():
        if name in SCHEDULES:
            settings.schedule(name)
        else:
            collector.only({"enabled"}, f"hypervisor.collectors.{name}", "it is part of a collector")
