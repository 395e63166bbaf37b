"""The VMs of one libvirt URI: asked for once, shown by subject.

Source: virConnectGetAllDomainStats for what needs no monitor, virDomainListGetStats for the rest (see
Monitors), the kernel's files, and definitions read once; a driver without bulk statistics is read per domain.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.libvirt.host import LEAST_TIME_S, LibvirtHost, Listed, Listing
from stratoscope.clouds.libvirt.model import Domain, Identity, Monitor, Nic
from stratoscope.clouds.libvirt.off_disks import Sizes
from stratoscope.clouds.libvirt.stats import Stats, domain
from stratoscope.core.collector import Collector, time_left_s
from stratoscope.core.errors import CollectError, LeftOut, Reason
from stratoscope.core.metrics import Labels, Sample
from stratoscope.core.runner import LEFT_OUT
from stratoscope.hypervisor.collectors import tagged, totals
from stratoscope.hypervisor.collectors.claims import Claims
from stratoscope.hypervisor.kernel.vm import VMKernel
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.subjects.checks import FAILED, Evidence, host_failed, verdict
from stratoscope.hypervisor.vm import VM, TapView

_CPU_GROUPS: Final = frozenset({"cpu", "vcpu"})
_NO_ANSWER: Final = frozenset({Reason.UNAVAILABLE, Reason.TIMEOUT, Reason.BUSY})
FORGOTTEN_AFTER_S: Final = 3600.0
"""So long the VMs of a daemon that does not answer are shown as failed: later they may run elsewhere."""
_SUBJECT_OF: Final = {"queues": "taps", "promiscuity": "taps"}
"""What may be lacking but is no subject of its own."""
_ON_A_BRIDGE: Final = frozenset({"bridge", "network"})
"""Kinds of interfaces whose tap libvirt makes a port of the bridge that the live definition names."""


class VMs(msgspec.Struct, frozen=True, gc=False):
    """One collection.

    Attributes:
        malformed: How many items made no sense.
        missing: Why a VM's process was not read, by UUID; None where the URI leads to another machine.
        lacking: Subjects of which the kernel tells nothing, and why.
        unread: How many domains are not among `vms` though they are there.
        shown: VM ids of those that no other URI of the cloud shows; None where all are.
    """

    vms: list[VM]
    malformed: int
    missing: Mapping[str, str] | None
    lacking: Mapping[str, LeftOut] = {}
    unread: int = 0
    shown: frozenset[str] | None = None


class Domains(Collector[VMs]):
    """The domains of one URI."""

    def __init__(
        self,
        host: LibvirtHost,
        kernel: KernelReader | None,
        subjects: Sequence[Subject],
        claims: Claims | None = None,
    ) -> None:
        """Args: kernel: None where the URI leads elsewhere. claims: Shared by the URIs of the cloud."""
        self.name = tagged("domains", host.tag)
        self.cloud = host.cloud
        of_vms = [family for subject in subjects for family in subject.families]
        self.families = [*of_vms, *totals.FAMILIES, LEFT_OUT]
        self.subjects = {subject.name: subject.families for subject in subjects}
        self.subjects |= {"vms": totals.FAMILIES} | ({"domains": self.families} if host.tag else {})
        self._host, self._kernel, self._subjects = host, kernel, subjects
        self._labels = Labels(cloud=host.cloud, host=host.host, uri=host.uri)
        self._monitor_groups = frozenset().union(*(subject.monitor for subject in subjects))
        self._cpu_groups = _CPU_GROUPS if any(subject.cpu for subject in subjects) else frozenset()
        self._cpu_by_kernel: Mapping[str, int] = {}
        self._claims = claims or Claims()
        self._active: Sequence[str] = ()
        self._listed_at = 0.0
        self._labels_of: dict[str, Labels] = {}
        self._is_daemon_gone = False

    async def fetch(self) -> VMs:
        patience_s = time_left_s()
        self._is_daemon_gone = False
        try:
            return await self._collect()
        except CollectError as error:
            is_gone = error.reason in _NO_ANSWER and patience_s >= LEAST_TIME_S
            self._is_daemon_gone = is_gone and time.monotonic() - self._listed_at < FORGOTTEN_AFTER_S
            if is_gone:
                self._claims.released(self.name)
            raise

    def samples(self, data: VMs, /) -> Iterable[Sample]:
        shown = data.shown
        vms = data.vms if shown is None else [vm for vm in data.vms if vm.vm_id in shown]
        elsewhere = [totals.ELSEWHERE(len(data.vms) - len(vms), self._labels)]
        of_vms = itertools.chain.from_iterable(self._of_vms(vms))
        return itertools.chain(of_vms, self._of_host(data), elsewhere)

    def failure(self) -> Iterable[Sample]:
        """The host is to blame when the daemon does not answer; not when the exporter lacks a right."""
        if self._is_daemon_gone and FAILED in self.families:
            return host_failed(self.cloud, self._still_here())
        return ()

    def _still_here(self) -> Sequence[str]:
        return [vm_id for vm_id in self._active if not self._claims.is_elsewhere(vm_id, self.name)]

    def malformed(self, data: VMs, /) -> int:
        return data.malformed

    def _of_vms(self, vms: Iterable[VM]) -> Iterable[Iterable[Sample]]:
        """Subject by subject; the labels of a VM are made once as long as it is there."""
        kept, self._labels_of = self._labels_of, {}
        for vm in vms:
            labels = kept.get(vm.vm_id) or Labels(cloud=self.cloud, vm_id=vm.vm_id)
            self._labels_of[vm.vm_id] = labels
            for subject in self._subjects:
                yield subject.samples(vm, labels)

    def _of_host(self, data: VMs) -> Iterable[Sample]:
        yield from totals.samples(data.vms, self._labels, is_whole=not data.unread)
        if data.missing is not None:
            yield from totals.of_kernel(data.vms, data.missing, self._labels)
        for name, reason in data.lacking.items():
            if _SUBJECT_OF.get(name, name) in self.subjects:
                collector = tagged(name, self._host.tag)
                yield LEFT_OUT(1, Labels(cloud=self.cloud, collector=collector, reason=reason))

    async def _collect(self) -> VMs:
        listing = await self._host.listing(self._monitor_groups | self._cpu_groups)
        active = [listed for listed in listing.domains if listed.domain_id >= 0]
        self._active = [self._host.vm_ids[listed.uuid] for listed in active]
        self._listed_at = time.monotonic()
        reading = await self._read_kernel(active)
        answers, (identities, malformed) = await asyncio.gather(
            self._ask(listing, active, reading), self._host.identities(listing.domains)
        )
        off = await self._off_disks(listing, identities)
        vms, undecoded = self._put_together(listing, reading, answers, identities, off)
        nameless = sum(vm.domain.nameless for vm in vms)
        missing = None if self._kernel is None else reading.missing
        unread = listing.failed + undecoded
        shown = self._claims.granted(self.name, {vm.vm_id: vm.domain.is_active for vm in vms})
        odd = unread + malformed + nameless + reading.malformed
        return VMs(vms, odd, missing, reading.lacking, unread, shown)

    async def _off_disks(self, listing: Listing, identities: Mapping[str, Identity]) -> Mapping[str, Sizes]:
        if "off" not in self.subjects:
            return {}
        off = [one.uuid for one in listing.domains if one.domain_id < 0 and one.uuid in identities]
        return await self._host.off_disks({uuid: identities[uuid].disks for uuid in off})

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
        """What only monitors know; CPU times too for a VM of which the kernel never told them.

        A VM keeps to the kernel once it told: libvirt rounds down to clock ticks, and a counter that goes
        back a little counts as one that began anew.
        """
        if listing.complete:
            return {}
        self._cpu_by_kernel = {
            one.uuid: one.domain_id
            for one in active
            if _tells_cpu(reading.vms.get(one.uuid)) or self._cpu_by_kernel.get(one.uuid) == one.domain_id
        }
        asked, with_cpu = self._monitor_groups, self._monitor_groups | self._cpu_groups
        wanted = {one.uuid: asked if one.uuid in self._cpu_by_kernel else with_cpu for one in active}
        return await self._host.ask({uuid: groups for uuid, groups in wanted.items() if groups})

    def _put_together(
        self,
        listing: Listing,
        reading: Reading,
        answers: Mapping[str, Stats],
        identities: Mapping[str, Identity],
        off_disks: Mapping[str, Sizes],
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
            vm = self._vm(one, identities.get(uuid), reading, monitor)
            vms.append(msgspec.structs.replace(vm, off_disks=off_disks[uuid]) if uuid in off_disks else vm)
        return vms, malformed

    def _vm(self, one: Domain, identity: Identity | None, reading: Reading, monitor: Monitor | None) -> VM:
        kernel = reading.vms.get(one.uuid)
        taps = tuple(_taps(one, identity, reading))
        evidence = Evidence(
            kernel.state if kernel is not None else "",
            reading.stuck_s.get(one.uuid, 0.0),
            monitor,
            taps,
            self._host.events.io_error_age_s(one.uuid),
        )
        vcpus = _vcpus(one, identity, kernel) if one.is_active else None
        checks = verdict(one, evidence)
        return VM(self._host.vm_ids[one.uuid], one, identity, kernel, monitor, taps, vcpus, checks)


def _tells_cpu(kernel: VMKernel | None) -> bool:
    return kernel is not None and kernel.cpu is not None and bool(kernel.vcpus)


def _vcpus(one: Domain, identity: Identity | None, kernel: VMKernel | None) -> int | None:
    """Online virtual CPUs by the source that notices a change first."""
    if kernel is not None and kernel.vcpus:
        return len(kernel.vcpus)
    if one.current_vcpus is not None:
        return one.current_vcpus
    return None if identity is None else identity.vcpus


def _taps(one: Domain, identity: Identity | None, reading: Reading) -> Iterable[TapView]:
    """The interfaces of a domain of which this host, or the definition, tells."""
    nics = {nic.device: nic for nic in identity.nics} if identity is not None else {}
    known = reading.taps
    for interface in one.interfaces:
        name = interface.name
        tap, queues, nic = known.taps.get(name), reading.queues.get(name), nics.get(name)
        link = None if nic is None else nic.link
        if name not in known.taps:
            if link is not None:
                yield TapView(name, None, None, None, None, None, link, None)
            continue
        if tap is None:
            if one.uuid in reading.vms:  # else the VM is ending, and its interfaces before it
                yield TapView(name, False, None, None, None, None, link, None)
            continue
        root = queues.root if queues is not None else None
        yield TapView(
            name,
            tap.is_up and tap.carrier is not False and link is not False,
            tap.mtu_bytes,
            known.promiscuous.get(name),
            root.drops if root is not None else None,
            root.backlog_bytes if root is not None else None,
            link,
            _is_attached(tap.master, nic, known.masters.get(name)),
        )


def _is_attached(master: str | None, nic: Nic | None, before: str | None) -> bool | None:
    """Whether a tap is on the plain bridge of its definition, or else on what it was first seen on."""
    if nic is not None and nic.kind in _ON_A_BRIDGE and nic.bridge and not nic.switch:
        return master == nic.bridge
    return None if before is None else master == before
