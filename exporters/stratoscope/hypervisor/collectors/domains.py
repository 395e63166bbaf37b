"""The VMs of one libvirt URI: read once, shown by subject.

Source: virConnectGetAllDomainStats for what needs no monitor, virDomainListGetStats for the rest (see
Monitors), the kernel's files, and definitions (see Identities); a driver without bulk statistics is read per
domain.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.libvirt.host import LEAST_TIME_S, LibvirtHost, Listed, Listing
from stratoscope.clouds.libvirt.model import Domain, Identity, Monitor
from stratoscope.clouds.libvirt.off_disks import Sizes
from stratoscope.clouds.libvirt.stats import Stats, domain
from stratoscope.core.collector import Collector, Offer, OnScrape
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import CollectError, LeftOut, Reason
from stratoscope.core.metrics import Labels, Sample
from stratoscope.core.runner import LEFT_OUT
from stratoscope.hypervisor.collectors import left_over, tagged, totals
from stratoscope.hypervisor.collectors.killed import Killed
from stratoscope.hypervisor.collectors.together import evidence, taps_of, vcpus_of
from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership
from stratoscope.hypervisor.kernel.vm import VMKernel
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.subjects.cgroup import OOM_KILLS
from stratoscope.hypervisor.subjects.checks import verdict
from stratoscope.hypervisor.vm import VM

_CPU_GROUPS: Final = frozenset({"cpu", "vcpu"})
_NO_ANSWER: Final = frozenset({Reason.UNAVAILABLE, Reason.TIMEOUT, Reason.BUSY})
FORGOTTEN_AFTER_S: Final = 3600.0
"""How long the VMs of a daemon that does not answer are shown from the kernel."""
_SUBJECT_OF: Final = {"queues": "taps", "promiscuity": "taps"}
"""Data that may be lacking, and the subject that has it."""


class VMs(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One collection.

    Attributes:
        malformed: How many items were malformed.
        missing: Why a VM's process was not read, by UUID; None for a URI of another machine.
        lacking: Subjects for which the kernel has no data, and why.
        unread: How many domains exist but are not in `vms`.
        shown: VM ids of those that no other URI of the cloud shows; None for all.
        kills: OOM kills by slice, on cgroup v2.
        killed: OOM kills by VM id, of VMs that are no longer listed.
    """

    vms: list[VM]
    malformed: int
    missing: Mapping[str, str] | None
    lacking: Mapping[str, LeftOut] = {}
    unread: int = 0
    shown: frozenset[str] | None = None
    kills: Mapping[str, int] = {}
    killed: Mapping[str, int] = {}


class Domains(Collector[VMs]):
    """The domains of one URI."""

    offer = Offer("domains", OnScrape(10))

    def __init__(
        self,
        host: LibvirtHost,
        kernel: KernelReader | None,
        subjects: Sequence[Subject],
        ownership: VMOwnership | None = None,
    ) -> None:
        """Args: kernel: None for a URI of another machine. ownership: Shared by the URIs of the cloud."""
        self.name = tagged(self.offer.name, host.tag)
        self.cloud = host.cloud
        of_vms = [family for subject in subjects for family in subject.families]
        self.families = [*of_vms, *totals.FAMILIES, LEFT_OUT]
        self.subjects = {subject.name: subject.families for subject in subjects}
        self.subjects |= {"vms": totals.FAMILIES} | ({"domains": self.families} if host.tag else {})
        self._host, self._kernel, self._subjects = host, kernel, subjects
        self._labels = Labels(cloud=host.cloud, host=host.host, uri=host.uri)
        self._monitor_groups = frozenset().union(*(subject.monitor for subject in subjects))
        self._cpu_groups = _CPU_GROUPS if any(subject.cpu for subject in subjects) else frozenset()
        self._needs_taps = any(subject.taps for subject in subjects)
        self._cpu_by_kernel: Mapping[str, int] = {}
        self._ownership = ownership or VMOwnership()
        self._before: Sequence[VM] = ()
        self._before_at = 0.0
        self._left_over: VMs | None = None
        self._labels_of: dict[str, Labels] = {}
        self._killed = Killed()

    async def fetch(self) -> VMs:
        patience_s = time_left_s()
        self._left_over = None
        try:
            data = await self._collect()
        except CollectError as error:
            if error.reason in _NO_ANSWER and patience_s >= LEAST_TIME_S:
                self._ownership.released(self.name)
                self._host.monitors.begin_anew()
            self._left_over = await self._by_kernel()
            raise
        self._before, self._before_at = [vm for vm in data.vms if vm.domain.is_active], time.monotonic()
        return data

    def samples(self, data: VMs, /) -> Iterable[Sample]:
        shown = data.shown
        vms = data.vms if shown is None else [vm for vm in data.vms if vm.vm_id in shown]
        elsewhere = [totals.ELSEWHERE(len(data.vms) - len(vms), self._labels)]
        of_vms = itertools.chain.from_iterable(self._of_vms(vms, self._subjects))
        return itertools.chain(of_vms, self._of_killed(data), self._of_host(data), elsewhere)

    def failure(self) -> Iterable[Sample]:
        """Samples from the kernel, of the VMs that ran when the daemon last answered."""
        data = self._left_over
        if data is None:
            return ()
        vms = [vm for vm in data.vms if not self._ownership.is_elsewhere(vm.vm_id, self.name)]
        subjects = [subject for subject in self._subjects if subject.without_daemon]
        of_vms = itertools.chain.from_iterable(self._of_vms(vms, subjects))
        return itertools.chain(of_vms, totals.of_slices(data.kills, self._labels))

    def malformed(self, data: VMs, /) -> int:
        return data.malformed

    def _of_vms(self, vms: Iterable[VM], subjects: Sequence[Subject]) -> Iterable[Iterable[Sample]]:
        """Samples VM by VM; the labels of each VM are cached as long as it exists."""
        known, self._labels_of = self._labels_of, {}
        for vm in vms:
            labels = known.get(vm.vm_id) or Labels(cloud=self.cloud, vm_id=vm.vm_id)
            self._labels_of[vm.vm_id] = labels
            samples: list[Sample] = []
            for subject in subjects:
                samples += subject.samples(vm, labels)
            yield samples

    def _of_killed(self, data: VMs) -> Iterable[Sample]:
        if OOM_KILLS in self.families:
            for vm_id, kills in data.killed.items():
                yield OOM_KILLS(kills, Labels(cloud=self.cloud, vm_id=vm_id))

    def _of_host(self, data: VMs) -> Iterable[Sample]:
        yield from totals.samples(data.vms, self._labels, is_whole=not data.unread)
        if data.missing is not None:
            yield from totals.of_kernel(data.vms, data.missing, self._labels)
            yield from totals.of_slices(data.kills, self._labels)
        for name, reason in data.lacking.items():
            if _SUBJECT_OF.get(name, name) in self.subjects:
                collector = tagged(name, self._host.tag)
                yield LEFT_OUT(1, Labels(cloud=self.cloud, collector=collector, reason=reason))

    async def _collect(self) -> VMs:
        listing = await self._host.listing(self._monitor_groups | self._cpu_groups)
        active = [listed for listed in listing.domains if listed.domain_id >= 0]
        kernel = asyncio.create_task(self._read_kernel(active))
        try:
            answers, (identities, malformed) = await asyncio.gather(
                self._ask(listing, active, kernel), self._host.identities(listing.domains)
            )
        finally:
            reading = await kernel  # never two readings at once; it has a time limit of its own
        off = await self._off_disks(listing, identities)
        vms, undecoded = self._put_together(listing, reading, answers, identities, off)
        missing = None if self._kernel is None else reading.missing
        unread = listing.failed + undecoded
        shown = self._ownership.granted(self.name, {vm.vm_id: vm.domain.is_active for vm in vms})
        malformed += unread + sum(vm.domain.nameless for vm in vms) + reading.malformed
        killed = self._killed.gone(reading.kills.by_vm, self._host.vm_ids, time.monotonic())
        return VMs(
            vms=vms,
            malformed=malformed,
            missing=missing,
            lacking=reading.lacking,
            unread=unread,
            shown=shown,
            kills=reading.kills.by_slice,
            killed=killed,
        )

    async def _off_disks(self, listing: Listing, identities: Mapping[str, Identity]) -> Mapping[str, Sizes]:
        if "off" not in self.subjects:
            return {}
        off = [one.uuid for one in listing.domains if one.domain_id < 0 and one.uuid in identities]
        return await self._host.off_disks({uuid: identities[uuid].disks for uuid in off})

    async def _by_kernel(self) -> VMs | None:
        """The VMs known from before, without those that somebody ended; None if there are none."""
        if self._kernel is None or time.monotonic() - self._before_at >= FORGOTTEN_AFTER_S:
            return None
        before = [vm for vm in self._before if not self._host.events.was_ended(vm.domain.uuid)]
        if not before:
            return None
        known = {vm.domain.uuid: vm.domain.domain_id for vm in before}
        names = [interface.name for vm in before for interface in vm.domain.interfaces]
        reading = await self._kernel.read_again(known, names)
        vms = [left_over.vm(vm, reading, self._io_error_age_s(vm.domain)) for vm in before]
        shown = [vm for vm in vms if vm is not None]
        return VMs(vms=shown, malformed=0, missing=None, kills=reading.kills.by_slice)

    async def _read_kernel(self, active: Sequence[Listed]) -> Reading:
        if self._kernel is None:
            return Reading()
        running = {listed.uuid: (listed.name, listed.domain_id) for listed in active}
        taps = [
            listed.stats[f"net.{number}.name"]
            for listed in (active if self._needs_taps else ())
            for number in range(listed.stats.get("net.count", 0))
            if listed.stats.get(f"net.{number}.name")
        ]
        return await self._kernel.read(running, taps)

    async def _ask(
        self, listing: Listing, active: Sequence[Listed], kernel: Awaitable[Reading]
    ) -> dict[str, Stats]:
        """Statistics from the monitors; with CPU times for VMs of which the kernel never had them.

        The kernel is read at the same time; this waits for it only to decide where CPU times come from.
        """
        if listing.complete:
            return {}
        groups, with_cpu = self._monitor_groups, self._monitor_groups | self._cpu_groups
        if with_cpu > groups and not all(map(self._has_cpu_by_kernel, active)):
            self._learn_cpu(active, await kernel)
        wanted = {one.uuid: groups if self._has_cpu_by_kernel(one) else with_cpu for one in active}
        return await self._host.ask({uuid: groups for uuid, groups in wanted.items() if groups})

    def _has_cpu_by_kernel(self, one: Listed) -> bool:
        """Whether a VM's CPU times come from the kernel, now or earlier.

        Then they must stay the kernel's: libvirt rounds down to clock ticks, and a counter that decreases a
        little looks like a reset.
        """
        return self._cpu_by_kernel.get(one.uuid) == one.domain_id

    def _learn_cpu(self, active: Sequence[Listed], reading: Reading) -> None:
        self._cpu_by_kernel = {
            one.uuid: one.domain_id
            for one in active
            if _tells_cpu(reading.vms.get(one.uuid)) or self._has_cpu_by_kernel(one)
        }

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
        taps = taps_of(one, identity, reading)
        checks = verdict(one, evidence(one.uuid, reading, taps, self._io_error_age_s(one), monitor))
        vcpus = vcpus_of(one, identity, kernel) if one.is_active else None
        vm_id, kills = self._host.vm_ids[one.uuid], reading.kills.by_vm.get(one.uuid)
        return VM(
            vm_id=vm_id,
            domain=one,
            identity=identity,
            kernel=kernel,
            monitor=monitor,
            taps=taps,
            vcpus=vcpus,
            checks=checks,
            oom_kills=kills,
        )

    def _io_error_age_s(self, one: Domain) -> float | None:
        return self._host.events.io_error_age_s(one.uuid, one.domain_id)


def _tells_cpu(kernel: VMKernel | None) -> bool:
    return kernel is not None and kernel.cpu is not None and bool(kernel.vcpus)
