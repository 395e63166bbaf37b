"""Hosts as the management layer counts them: state, sizes and allocations."""

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
    "The host's availability zone, and the type and version of its hypervisor as the source spells them; "
    "always 1.",
    labels=(*_HOST, "zone", "hypervisor", "hypervisor_version"),
)
STATE = Family(
    f"{_PREFIX}_state",
    "1 for the state that the host is in (Nova: up or down), 0 for the others.",
    labels=(*_HOST, "state"),
)
ENABLED = _family(
    "enabled", "1 if the host is enabled, 0 if an administrator disabled it, so that it gets no new VMs."
)
DISABLED = Family(
    f"{_PREFIX}_disabled_info",
    "The administrator's reason for disabling the host, empty if none; absent while it is enabled; always 1.",
    labels=(*_HOST, "text"),
)
RUNNING = _family(
    "running_vms",
    "VMs on the host by its own count, running or not (running_vms); absent if the source does not "
    "report it.",
)
TASKS = _family(
    "tasks",
    "VMs of the host with a task in progress, such as build, resize or migration (current_workload); absent "
    "if the source does not report it.",
)
LEAST = _family(
    "disk_available_least_bytes",
    "Disk space left if every disk image grew to its full size (disk_available_least); may be negative; "
    "absent if the source does not report it.",
)
SIZES: Final = {
    "vcpus": (
        _family("vcpus", "CPUs of the host that its VMs share, without those for pinning (vcpus)."),
        _family(
            "vcpus_used",
            "Virtual CPUs of the host's VMs, shared and pinned, plus the CPUs reserved for the host "
            "(vcpus_used).",
        ),
    ),
    "memory": (
        _family("memory_bytes", "Memory of the host (memory_mb)."),
        _family(
            "memory_used_bytes",
            "Memory allocated to the host's VMs, plus the memory reserved for the host (memory_mb_used).",
        ),
    ),
    "disk": (
        _family("disk_bytes", "Disk space of the host for its VMs (local_gb)."),
        _family(
            "disk_used_bytes",
            "Disk space allocated to the host's VMs, plus the disk space reserved for the host "
            "(local_gb_used).",
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
