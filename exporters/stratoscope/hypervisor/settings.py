"""The section `hypervisor:` of the configuration, and the exporter's own flags."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from stratoscope.clouds.abilities import Hypervisor
from stratoscope.clouds.libvirt.config import LibvirtCloud, is_local
from stratoscope.clouds.registry import configured
from stratoscope.core.collector import Collector, Offer
from stratoscope.core.config import Section, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.planner import Planner
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.collectors.background import HaltPoll, Jobs, Networks, Pools
from stratoscope.hypervisor.collectors.block_jobs import BlockJobs, Mirrors
from stratoscope.hypervisor.collectors.daemon import Daemon, RemoteHost
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.collectors.events import Events
from stratoscope.hypervisor.collectors.host import PARTS, Host
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.subjects.cgroup import CGROUP_MEMORY, OOM, PRESSURE, THROTTLING
from stratoscope.hypervisor.subjects.checks import checks
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

COLLECTORS: Final[Sequence[type[Collector[Any]]]] = (
    Domains, Daemon, Events, Host, RemoteHost, Pools, Networks, Jobs, Mirrors, BlockJobs, HaltPoll,
)  # fmt: skip


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
        checks(host),
        OFF,
    )


class Settings(msgspec.Struct, frozen=True):
    """The settings of the exporter.

    Attributes:
        hypervisor: The section; the names below `collectors` are collectors, subjects of VMs and parts of the
            host.
    """

    clouds: list[LibvirtCloud]
    hypervisor: Section
    paths: Paths

    def planner(self) -> Planner:
        """Raises ConfigError: As Planner."""
        return Planner("hypervisor", self.hypervisor, offers())


def offers() -> Sequence[Offer]:
    """Collectors, subjects of VMs and parts of the host."""
    of_vms = [Offer(subject.name, is_on=subject.is_on) for subject in subjects("")]
    return [*(one.offer for one in COLLECTORS), *of_vms, *(Offer(part.name) for part in PARTS)]


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:
    """The settings from a configuration file; without one, the libvirt of this machine.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    clouds = [_named(cloud, flags["host.name"]) for cloud in configured(document, Hypervisor)]
    if not clouds:
        raise ConfigError("clouds: no entry of kind libvirt, and the hypervisor exporter needs one")
    own = decode(Section, document.get("hypervisor", {}), "hypervisor")
    settings = Settings(clouds, own, _paths(flags))
    settings.planner()
    return settings


def _named(cloud: LibvirtCloud, name: str) -> LibvirtCloud:
    """The cloud whose host has the flag's name, unless the configuration names it or its URI does."""
    default, _ = PROGRAM.flags["host.name"]
    if name == default or cloud.host or not any(map(is_local, cloud.uris)):
        return cloud
    try:
        return msgspec.structs.replace(cloud, host=name)
    except ValueError as error:
        raise ConfigError(f"--host.name: clouds: {cloud.name}: {error}") from error


def _paths(flags: Mapping[str, str]) -> Paths:
    """Mount points; a default may be missing (there may be no cgroups), a path from a flag must exist."""
    paths = {flag: default for flag, (default, _) in PROGRAM.flags.items() if flag.startswith("path.")}
    for flag, default in paths.items():
        path = flags[flag]
        if path != default and not (path and Path(path).is_dir()):
            raise ConfigError(f"--{flag}: {path!r} is no directory; allowed: where it is mounted")
    return Paths(*(flags[flag].rstrip("/") for flag in paths))
