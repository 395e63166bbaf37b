"""Hosts as the management layer counts them: state, sizes, and what it has given away of them."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples, states
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_host"
_HOST: Final = ("cloud", "host")


def _family(name: str, help_text: str) -> Family:
    return Family(f"{_PREFIX}_{name}", help_text, labels=_HOST)


INFO = Family(
    f"{_PREFIX}_info",
    "The host's zone, and the kind and version of its hypervisor as the source spells them; always 1.",
    labels=(*_HOST, "zone", "hypervisor", "hypervisor_version"),
)
STATE = Family(f"{_PREFIX}_state", "1 for the state that the host is in, else 0.", labels=(*_HOST, "state"))
ENABLED = _family("enabled", "1 if the host takes new VMs, 0 if an administrator took it out.")
DISABLED = Family(
    f"{_PREFIX}_disabled_info",
    "Why the host was taken out, in the words of whoever did it; always 1.",
    labels=(*_HOST, "text"),
)
RUNNING = _family(
    "running_vms", "VMs on the host as it counts them itself, whether they run or not (running_vms)."
)
TASKS = _family(
    "tasks",
    "VMs of the host that are being built, resized, moved, or have another task (current_workload).",
)
LEAST = _family(
    "disk_available_least_bytes",
    "Disk space that is left if every image grows to its full size (disk_available_least); may be negative.",
)
SIZES: Final = {
    "vcpus": (
        _family("vcpus", "CPUs of the host that its VMs share, without those for pinning (vcpus)."),
        _family(
            "vcpus_used",
            "Virtual CPUs of the host's VMs, shared and pinned, and what it keeps for itself (vcpus_used).",
        ),
    ),
    "memory": (
        _family("memory_bytes", "Memory of the host (memory_mb)."),
        _family(
            "memory_used_bytes",
            "Memory promised to the host's VMs, and what it keeps for itself (memory_mb_used).",
        ),
    ),
    "disk": (
        _family("disk_bytes", "Disk space of the host for its VMs (local_gb)."),
        _family(
            "disk_used_bytes",
            "Disk space promised to the host's VMs, and what it keeps for itself (local_gb_used).",
        ),
    ),
}


class Hosts(Subject[model.Hosts]):
    families = (
        INFO, STATE, ENABLED, DISABLED, RUNNING, TASKS,
        *(family for pair in SIZES.values() for family in pair), LEAST,
    )  # fmt: skip

    def samples(self, answer: model.Hosts, /) -> Iterable[Sample]:
        of = {state: Labels(state=state) for state in answer.states}
        for host in answer.hosts:
            labels = Labels(cloud=self._cloud, host=host.host)
            yield INFO(1, _info(host, labels))
            yield from states(STATE, host.state, of, labels)
            yield ENABLED(int(host.is_enabled), labels)
            if not host.is_enabled:
                yield DISABLED(1, labels.plus(text=host.reason))
            yield from optional_samples(
                (RUNNING, TASKS, LEAST), (host.vms, host.tasks, host.disk_available_least), labels
            )
            for name, pair in SIZES.items():
                if name in host.resources:
                    resource = host.resources[name]
                    yield from optional_samples(pair, (resource.total, resource.allocated), labels)


def _info(host: model.Host, labels: Labels) -> Labels:
    return labels.plus(zone=host.zone, hypervisor=host.kind, hypervisor_version=host.version)
