"""What a flavor requests of a host, as Nova's scheduler translates it.

Source: nova/scheduler/utils.py, ResourceRequest.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from stratoscope.clouds.openstack.compute.flavors import Flavor
from stratoscope.clouds.openstack.placement.providers import DISK, MEMORY, PCPU, VCPU


class ResourceRequest(msgspec.Struct, frozen=True):
    """What a host must have for one VM.

    Attributes:
        resources: Amounts by resource class, each above 0; of groups that each require a separate provider,
            the largest amount, since one provider must have it.
        required, forbidden: Traits.
        metadata: Required metadata of the host's aggregates.
        is_exact: Whether it fits depends on nothing else; if not, the result is an upper bound.
    """

    resources: Mapping[str, int]
    required: frozenset[str]
    forbidden: frozenset[str]
    metadata: Mapping[str, str]
    is_exact: bool


DISABLED: Final = "COMPUTE_STATUS_DISABLED"
"""The trait of a host whose service is disabled: forbidden to all, since Train."""
_HYPERTHREADING: Final = "HW_CPU_HYPERTHREADING"
_KEY: Final = re.compile(r"(resources|trait)([a-zA-Z0-9_-]{1,64})?:(.*)\Z")
_RANGE: Final = re.compile(r"(\^?)([0-9]{1,18})(?:-([0-9]{1,18}))?\Z")
_MOST_VCPUS: Final = 8192
_METADATA: Final = "aggregate_instance_extra_specs:"
_HARMLESS: Final = (
    "quota:", "hw_rng:", "hw_video:", "os:", "hw:cpu_sockets", "hw:cpu_cores", "hw:cpu_threads",
    "hw:cpu_max_", "hw:boot_menu", "hw:watchdog_action", "hw:serial_port_count", "hide_hypervisor_id",
    "hw:hide_hypervisor_id",
)  # fmt: skip
"""Extra specs that do not affect on which host a VM fits. `os:secure_boot` does: see `_is_harmless`."""


def resource_request(flavor: Flavor, *, has_pcpus: bool) -> ResourceRequest:
    """The requirements of a VM of the flavor, with an image without requirements and a root disk on the host.

    Args:
        has_pcpus: Some host of the cloud reports CPUs for pinning. If none does, Nova's scheduler uses hosts
            with VCPUs for pinned CPUs, and excludes some (`cpu_shared_set`); no API reports which.
    """
    specs = flavor.extra_specs
    found = _Found()
    for key, value in (specs or {}).items():
        found.spec(key, value)
    if has_pcpus or (specs or {}).get("hw:cpu_policy") != "dedicated":
        found.pin(flavor.vcpus, specs or {})
    amounts = found.resources
    if VCPU not in amounts and PCPU not in amounts:
        amounts[VCPU] = flavor.vcpus
    amounts.setdefault(MEMORY, flavor.ram)
    amounts.setdefault(DISK, flavor.disk + flavor.ephemeral + -(-(flavor.swap or 0) // 1024))
    return ResourceRequest(
        {name: amount for name, amount in amounts.items() if amount > 0},
        frozenset(found.required),
        frozenset({*found.forbidden, DISABLED}),
        found.metadata,
        found.is_exact and specs is not None,
    )


class _Found:
    """The requirements found so far in the extra specs."""

    def __init__(self) -> None:
        self.resources: dict[str, int] = {}
        self.required: set[str] = set()
        self.forbidden: set[str] = set()
        self.metadata: dict[str, str] = {}
        self.is_exact = True

    def spec(self, key: str, value: str) -> None:
        match = _KEY.match(key)
        if match is not None:
            kind, suffix, name = match.groups()
            self.is_exact = self.is_exact and suffix is None  # of a group that wants a provider of its own
            if kind == "resources":
                self._resource(name, value)
            elif suffix is None or value != "forbidden":  # else other providers of the host may have it
                self._trait(name, value)
        elif key.startswith(_METADATA):
            self.metadata[key.removeprefix(_METADATA)] = value
        elif not _is_harmless(key):
            self.is_exact = False

    def pin(self, vcpus: int, specs: Mapping[str, str]) -> None:
        """Request pinned CPUs instead of shared ones. Such a VM must also fit into NUMA nodes: not exact."""
        policy, threads = specs.get("hw:cpu_policy"), specs.get("hw:cpu_thread_policy")
        if threads in ("isolate", "require"):
            (self.forbidden if threads == "isolate" else self.required).add(_HYPERTHREADING)
        if policy not in ("dedicated", "mixed"):
            return
        pinned = vcpus
        if policy == "mixed":
            mask = specs.get("hw:cpu_dedicated_mask") or specs.get("hw:cpu_realtime_mask") or ""
            pinned = len(cpus(mask, vcpus))
            self._resource(VCPU, str(vcpus - pinned))
        emulator = specs.get("hw:emulator_threads_policy") == "isolate"
        self._resource(PCPU, str(pinned + emulator))

    def _resource(self, name: str, value: str) -> None:
        try:
            self.resources[name] = max(self.resources.get(name, 0), int(value))
        except ValueError:
            self.is_exact = False

    def _trait(self, name: str, value: str) -> None:
        if value == "required":
            self.required.add(name)
        elif value == "forbidden":
            self.forbidden.add(name)
        else:
            self.is_exact = False


def cpus(mask: str, vcpus: int) -> frozenset[int]:
    """The vCPUs that a mask such as `2-5,^3` names; one that only excludes (`^0`) names all others.

    A malformed mask names none, nor does one with more vCPUs than a VM can have.
    """
    if vcpus > _MOST_VCPUS:
        return frozenset()
    named: set[int] = set()
    excluded: set[int] = set()
    is_named = False
    for part in mask.replace(" ", "").split(","):
        match = _RANGE.match(part)
        if match is None:
            return frozenset()
        no, low, high = match.groups()
        is_named = is_named or not no
        last = min(int(high or low), vcpus - 1)
        (excluded if no else named).update(range(int(low), last + 1))
    return frozenset((named if is_named else {*range(vcpus)}) - excluded)


def _is_harmless(key: str) -> bool:
    return key.startswith(_HARMLESS) and key != "os:secure_boot"
