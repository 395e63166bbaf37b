"""What hosts really use, as the management layer measured it last: not what it has allocated to VMs."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import usage
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_host"
_LABELS: Final = ("cloud", "host")
_ABSENT: Final = "absent if it does not measure it, or did so too long ago"


def _family(name: str, what: str, source: str) -> Family:
    help_text = f"{what} in use when the management layer measured it last (OpenNebula: {source}); {_ABSENT}."
    return Family(f"{_PREFIX}_{name}", help_text, labels=_LABELS)


CPUS = _family("cpus_in_use", "CPUs of the host that were", "USED_CPU")
MEMORY = _family("memory_in_use_bytes", "Memory of the host, without caches, that was", "USED_MEMORY")
DISK = _family("disk_in_use_bytes", "Disk space of the host for its VMs that was", "USED_DISK")
MEASURED = Family(
    f"{_PREFIX}_measured_timestamp_seconds",
    "Unix time, by the host's clock, at which the management layer measured what is in use.",
    labels=_LABELS,
)
OLD = Family(
    "stratoscope_management_hosts_measured_too_long_ago",
    "Hosts whose last measurement is too old to be shown, those that are off among them.",
    labels=("cloud",),
)


class HostUsages(Subject[usage.HostUsages]):
    families = (CPUS, MEMORY, DISK, MEASURED, OLD)

    def samples(self, answer: usage.HostUsages, /) -> Iterable[Sample]:
        for one in answer.hosts:
            labels = Labels(cloud=self._cloud, host=one.host)
            yield from optional_samples((CPUS, MEMORY, DISK), (one.cpus, one.memory, one.disk), labels)
            yield MEASURED(one.measured, labels)
        yield OLD(answer.old, Labels(cloud=self._cloud))
