"""Collectors in the background: storage pools, virtual networks, jobs of VMs, halt-poll times.

Source: virStoragePoolGetInfo without a refresh, virConnectListAllNetworks, virDomainGetJobStats, group
CPU_TOTAL.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from stratoscope.clouds.libvirt.background import POOL_STATES
from stratoscope.clouds.libvirt.model import Job, Network, Pool
from stratoscope.core.collector import Every, Offer
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples, states
from stratoscope.hypervisor.collectors import URI_LABELS
from stratoscope.hypervisor.collectors.of_host import OfHost

_POOL: Final = (*URI_LABELS, "pool")
POOL_STATE = Family(
    "stratoscope_hypervisor_host_pool_state",
    "1 for the state that the storage pool is in (virStoragePoolState), 0 for the others.",
    labels=(*_POOL, "state"),
)
POOL_CAPACITY = Family(
    "stratoscope_hypervisor_host_pool_capacity_bytes",
    "Size of the storage pool (capacity); absent while the pool is inactive.",
    labels=_POOL,
)
POOL_ALLOCATION = Family(
    "stratoscope_hypervisor_host_pool_allocation_bytes",
    "Allocated bytes of the storage pool (allocation); absent while the pool is inactive.",
    labels=_POOL,
)
POOL_AVAILABLE = Family(
    "stratoscope_hypervisor_host_pool_available_bytes",
    "Free bytes of the storage pool (available); absent while the pool is inactive.",
    labels=_POOL,
)
NETWORK_ACTIVE = Family(
    "stratoscope_hypervisor_host_network_active",
    "1 if the libvirt virtual network is active, else 0.",
    labels=(*URI_LABELS, "network"),
)
NETWORK_INFO = Family(
    "stratoscope_hypervisor_host_network_info",
    "Bridge of the libvirt virtual network, and whether it starts with the daemon (autostart); always 1.",
    labels=(*URI_LABELS, "network", "bridge", "autostart"),
)

_JOB: Final = ("cloud", "vm_id", "operation")
_JOB_PREFIX: Final = "stratoscope_hypervisor_vm_job"
JOB_ELAPSED = Family(
    f"{_JOB_PREFIX}_elapsed_seconds",
    "Seconds since the job on the VM started (time_elapsed); absent when no job runs.",
    labels=_JOB,
)
JOB_REMAINING = Family(
    f"{_JOB_PREFIX}_remaining_seconds",
    "Seconds that the job on the VM still needs, as libvirt estimates (time_remaining).",
    labels=_JOB,
)
JOB_DOWNTIME = Family(
    f"{_JOB_PREFIX}_downtime_seconds",
    "Seconds for which the migration will stop the VM at its end, as libvirt expects (downtime).",
    labels=_JOB,
)
JOB_TOTAL = Family(
    f"{_JOB_PREFIX}_data_bytes",
    "Bytes that the job on the VM has to transfer in total (data_total).",
    labels=_JOB,
)
JOB_PROCESSED = Family(
    f"{_JOB_PREFIX}_data_processed_bytes",
    "Bytes that the job on the VM has transferred (data_processed).",
    labels=_JOB,
)
JOB_LEFT = Family(
    f"{_JOB_PREFIX}_data_remaining_bytes",
    "Bytes that the job on the VM has yet to transfer (data_remaining).",
    labels=_JOB,
)

HALT_POLL_SUCCESS = Family(
    "stratoscope_hypervisor_vm_halt_poll_success_seconds_total",
    "Seconds that KVM polled for halted virtual CPUs which then woke up while it polled "
    "(cpu.haltpoll.success.time).",
    labels=("cloud", "vm_id"),
)
HALT_POLL_FAIL = Family(
    "stratoscope_hypervisor_vm_halt_poll_fail_seconds_total",
    "Seconds that KVM polled for halted virtual CPUs which did not wake up while it polled "
    "(cpu.haltpoll.fail.time).",
    labels=("cloud", "vm_id"),
)
_NS: Final = 1e9


class HaltPollTimes(msgspec.Struct, frozen=True, gc=False):
    """Times of one VM in seconds; None if KVM does not report them."""

    vm_id: str
    success_s: float | None
    fail_s: float | None


class Pools(OfHost[list[Pool]]):
    """Storage pools: state, and sizes as of the daemon's last refresh."""

    offer = Offer("pools", Every(60, 30, 300))
    families = (POOL_STATE, POOL_CAPACITY, POOL_ALLOCATION, POOL_AVAILABLE)

    async def fetch(self) -> list[Pool]:
        return await self._host.pools()

    def samples(self, data: list[Pool], /) -> Iterable[Sample]:
        for pool in data:
            labels = self._labels.plus(pool=pool.name)
            yield from states(POOL_STATE, pool.state, _POOL_STATES, labels)
            if pool.capacity is not None and pool.allocation is not None and pool.available is not None:
                yield POOL_CAPACITY(pool.capacity, labels)
                yield POOL_ALLOCATION(pool.allocation, labels)
                yield POOL_AVAILABLE(pool.available, labels)


class Networks(OfHost[list[Network]]):
    """Virtual networks."""

    offer = Offer("networks", Every(60, 30, 300))
    families = (NETWORK_ACTIVE, NETWORK_INFO)

    async def fetch(self) -> list[Network]:
        return await self._host.networks()

    def samples(self, data: list[Network], /) -> Iterable[Sample]:
        for network in data:
            labels = self._labels.plus(network=network.name)
            yield NETWORK_ACTIVE(network.is_active, labels)
            autostart = "true" if network.starts_by_itself else "false"
            yield NETWORK_INFO(1, labels.plus(bridge=network.bridge, autostart=autostart))


class Jobs(OfHost[list[tuple[str, Job]]]):
    """Jobs in progress, with their VM's id: migration, save, backup ..."""

    offer = Offer("jobs", Every(15, 10, 60), needs="domains")
    families = (JOB_ELAPSED, JOB_REMAINING, JOB_DOWNTIME, JOB_TOTAL, JOB_PROCESSED, JOB_LEFT)

    async def fetch(self) -> list[tuple[str, Job]]:
        jobs, vm_ids = await self._host.jobs(), self._host.vm_ids
        return [(vm_ids[job.uuid], job) for job in jobs if job.uuid in vm_ids]

    def samples(self, data: list[tuple[str, Job]], /) -> Iterable[Sample]:
        for vm_id, job in data:
            labels = Labels(cloud=self.cloud, vm_id=vm_id, operation=job.operation)
            values = (
                job.elapsed_s, job.remaining_s, job.downtime_s,
                job.data_total, job.data_processed, job.data_remaining,
            )  # fmt: skip
            yield from optional_samples(self.families, values, labels)


class HaltPoll(OfHost[list[HaltPollTimes]]):
    """Halt-poll times of KVM's guests."""

    offer = Offer("halt_poll", Every(60, 30, 300), is_on=False, needs="domains")
    families = (HALT_POLL_SUCCESS, HALT_POLL_FAIL)

    async def fetch(self) -> list[HaltPollTimes]:
        stats, vm_ids = await self._host.halt_poll(), self._host.vm_ids
        return [
            HaltPollTimes(
                vm_ids[uuid],
                _seconds(of_vm.get("cpu.haltpoll.success.time")),
                _seconds(of_vm.get("cpu.haltpoll.fail.time")),
            )
            for uuid, of_vm in stats.items()
            if uuid in vm_ids
        ]

    def samples(self, data: list[HaltPollTimes], /) -> Iterable[Sample]:
        for times in data:
            labels = Labels(cloud=self.cloud, vm_id=times.vm_id)
            yield from optional_samples(self.families, (times.success_s, times.fail_s), labels)


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / _NS


_POOL_STATES: Final = {state: Labels(state=state) for state in POOL_STATES}
