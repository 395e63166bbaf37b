"""The VMs of one libvirt URI: asked for once, shown by subject.

Source: virConnectGetAllDomainStats for what needs no monitor, virDomainListGetStats for the rest (see Monitors), the
kernel's files, and definitions read once; a driver without bulk statistics is read per domain.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.libvirt.host import LibvirtHost, Listed, Listing
from stratoscope.clouds.libvirt.model import Domain, Identity, Monitor
from stratoscope.clouds.libvirt.stats import Stats, domain
from stratoscope.core.collector import Collector
from stratoscope.core.metrics import Labels, Sample
from stratoscope.hypervisor.collectors import totals
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.subjects.checks import FAILED, host_failed, verdict
from stratoscope.hypervisor.vm import VM, TapView

_CPU_GROUPS: Final = frozenset({"cpu", "vcpu"})


class VMs(msgspec.Struct, frozen=True, gc=False):
    """One collection: the VMs, how many items made no sense, and whose process was not to be read."""

    vms: list[VM]
    malformed: int
    missing: Mapping[str, NotFound]


class Domains(Collector[VMs]):
    """The domains of one URI."""

    def __init__(self, host: LibvirtHost, kernel: KernelReader | None, subjects: Sequence[Subject]) -> None:
        """Args: kernel: None where the URI leads to another machine."""
        self.name = f"domains_{host.tag}" if host.tag else "domains"
        self.cloud = host.cloud
        self.families = [family for subject in subjects for family in subject.families] + list(
            totals.FAMILIES
        )
        self.subjects = {subject.name: subject.families for subject in subjects} | {"vms": totals.FAMILIES}
        self._host, self._kernel, self._subjects = host, kernel, subjects
        self._monitor_groups = frozenset().union(*(subject.monitor for subject in subjects))
        self._wants_cpu = any(subject.cpu for subject in subjects)
        self._blocked: frozenset[str] = frozenset()

    async def fetch(self) -> VMs:
        listing = await self._host.listing(self._monitor_groups | (_CPU_GROUPS if self._wants_cpu else set()))
        active = [listed for listed in listing.domains if listed.domain_id >= 0]
        reading = await self._read_kernel(active)
        answers, (identities, malformed) = await asyncio.gather(
            self._ask(listing, active, reading), self._host.identities(listing.domains)
        )
        vms, unread = self._put_together(listing, reading, answers, identities)
        self._blocked = frozenset(uuid for uuid, vm in reading.vms.items() if vm.state == "D")
        return VMs(vms, unread + malformed + reading.malformed, reading.missing)

    def samples(self, data: VMs, /) -> Iterable[Sample]:
        cloud = self.cloud
        for vm in data.vms:
            labels = Labels(cloud=cloud, vm_id=vm.vm_id)
            for subject in self._subjects:
                yield from subject.samples(vm, labels)
        yield from totals.samples(data.vms, data.missing, Labels(cloud=cloud, host=self._host.host))

    def failure(self) -> Iterable[Sample]:
        return host_failed(self.cloud, self._host.vm_ids) if FAILED in self.families else ()

    def malformed(self, data: VMs, /) -> int:
        return data.malformed

    async def _read_kernel(self, active: Sequence[Listed]) -> Reading:
        if self._kernel is None:
            return Reading()
        running = {listed.uuid: (listed.name, listed.domain_id) for listed in active}
        taps = [
            listed.stats[f"net.{number}.name"]
            for listed in active
            for number in range(listed.stats.get("net.count", 0))
            if listed.stats.get(f"net.{number}.name")
        ]
        return await self._kernel.read(running, taps)

    async def _ask(self, listing: Listing, active: Sequence[Listed], reading: Reading) -> dict[str, Stats]:
        """What only monitors know; CPU times too for a VM whose process is not readable here."""
        if listing.complete:
            return {}
        asked = self._monitor_groups
        with_cpu = asked | _CPU_GROUPS if self._wants_cpu else asked
        wanted = {one.uuid: asked if one.uuid in reading.vms else with_cpu for one in active}
        return await self._host.ask({uuid: groups for uuid, groups in wanted.items() if groups})

    def _put_together(
        self,
        listing: Listing,
        reading: Reading,
        answers: Mapping[str, Stats],
        identities: Mapping[str, Identity],
    ) -> tuple[list[VM], int]:
        vms, malformed = [], 0
        for listed in listing.domains:
            uuid = listed.uuid
            answer = answers.get(uuid)
            stats = {**listed.stats, **answer} if answer else listed.stats
            try:
                one = domain(uuid, listed.name, listed.domain_id, stats)
            except (KeyError, TypeError, ValueError):
                malformed += 1
                continue
            is_asked = one.is_active and not listing.complete and bool(self._monitor_groups)
            monitor = self._host.monitors.state(uuid) if is_asked else None
            vms.append(self._vm(one, identities.get(uuid), reading, monitor))
        return vms, malformed

    def _vm(self, one: Domain, identity: Identity | None, reading: Reading, monitor: Monitor | None) -> VM:
        kernel = reading.vms.get(one.uuid)
        taps = tuple(_taps(one, identity, reading))
        if kernel is not None and kernel.vcpus:
            vcpus: int | None = len(kernel.vcpus)
        else:
            vcpus = (
                one.current_vcpus if one.current_vcpus is not None else identity.vcpus if identity else None
            )
        checks = verdict(
            one,
            process_state=kernel.state if kernel is not None else "",
            blocked_before=one.uuid in self._blocked,
            monitor=monitor,
            taps=taps,
            io_error_age_s=self._host.events.io_error_age_s(one.uuid),
        )
        return VM(self._host.vm_ids[one.uuid], one, identity, kernel, monitor, taps, vcpus, checks)


def _taps(one: Domain, identity: Identity | None, reading: Reading) -> Iterable[TapView]:
    """The interfaces of a domain; none where the kernel was not read."""
    set_down = {tap.name for tap in identity.taps if not tap.link} if identity is not None else set()
    for interface in one.interfaces:
        name = interface.name
        if name not in reading.taps:
            continue
        tap, queues = reading.taps[name], reading.queues.get(name)
        if tap is None:
            yield TapView(name, False, None, None, None, None)
            continue
        root = queues.root if queues is not None else None
        yield TapView(
            name,
            tap.is_up and tap.carrier is not False and name not in set_down,
            tap.mtu_bytes,
            name in reading.changed,
            root.drops if root is not None else None,
            root.backlog_bytes if root is not None else None,
        )
