"""Progress of block jobs: copies and active commits; all others too, off by default.

Source: virDomainGetBlockJobInfo. Mirrors reads only disks whose definition has a mirror; BlockJobs reads all
disks from every monitor. The two never show the same job.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt.model import BlockJob
from stratoscope.core.collector import Every, Offer
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.collectors.of_host import OfHost

_LABELS: Final = ("cloud", "vm_id", "device", "operation")
_PREFIX: Final = "stratoscope_hypervisor_vm_block_job"
TOTAL = Family(
    f"{_PREFIX}_bytes",
    "Bytes that the block job has to process, as far as known now (end); may grow while it runs; absent "
    "without a job.",
    labels=_LABELS,
)
PROCESSED = Family(
    f"{_PREFIX}_processed_bytes",
    "Bytes that the block job has processed (cur); equal to the total once a copy is in sync.",
    labels=_LABELS,
)
LIMIT = Family(
    f"{_PREFIX}_limit_bytes_per_second",
    "Bandwidth limit of the block job, in bytes per second (bandwidth); absent without a limit.",
    labels=_LABELS,
)

Jobs = list[tuple[str, BlockJob]]
"""VM id and job."""


class _OfDisks(OfHost[Jobs]):
    """The jobs of one URI."""

    families = (TOTAL, PROCESSED, LIMIT)

    def samples(self, data: Jobs, /) -> Iterable[Sample]:
        for vm_id, job in data:
            labels = Labels(cloud=self.cloud, vm_id=vm_id, device=job.device, operation=job.job)
            yield TOTAL(job.total, labels)
            yield PROCESSED(job.processed, labels)
            if job.limit_bytes_per_second:
                yield LIMIT(job.limit_bytes_per_second, labels)

    def _with_ids(self, jobs: Iterable[BlockJob]) -> Jobs:
        vm_ids = self._host.vm_ids
        return [(vm_ids[job.uuid], job) for job in jobs if job.uuid in vm_ids]


class Mirrors(_OfDisks):
    """Copies and active commits."""

    offer = Offer("mirrors", Every(15, 10, 60), needs="domains")

    async def fetch(self) -> Jobs:
        return self._with_ids(await self._host.mirrors())


class BlockJobs(_OfDisks):
    """Pulls, commits, backups."""

    offer = Offer("block_jobs", Every(60, 30, 300), is_on=False, needs="domains")

    async def fetch(self) -> Jobs:
        return self._with_ids(await self._host.block_jobs())
