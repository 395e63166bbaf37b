"""Values of labels that mean the same for every kind of cloud: those that this project itself spells.

States, zones, flavors, services and binaries are as the cloud spells them: a rule that selects one works for
one kind alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.disagreements import DisagreementReason
from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.core.errors import Reason
from stratoscope.downtime.model import Severity
from stratoscope.downtime.scope import Scope
from stratoscope.management.subjects.objects import SORTS
from stratoscope.vmprobe.phases import Blame
from stratoscope.vmprobe.view import State
from support.rule_checks import matchers

_TRUTH: Final = ("true", "false")
_OF_OURSELVES: Final = ("__name__", "alert", "alertname", "version")
_WAYS: Final = ("read", "write", "total")
_ALL: Final = re.compile(r"(?:\(\?is\)|\.\*)*")
"""A pattern that every value matches, as what is left of one for what somebody types."""
_OURS: Final[Mapping[str, Collection[str]]] = {
    "alertstate": ["pending", "firing"],
    "blame": [*Blame],
    "cause": ["own_limit", "noisy_neighbour", "host_overcommitted"],
    "check": ["host", "vm", "storage", "network"],
    "condition": [*Condition],
    "external": _TRUTH,
    "phase": [*Phase],
    "planned": _TRUTH,
    "reason": [*Reason, *FaultReason, *RunReason, *DisagreementReason, "unknown_to_cloud", "power_state"],
    "scope": [*Scope, "image", "probe", "services"],
    "severity": [*Severity, "critical", "warning"],
    "silences": _TRUTH,
    "sloth_slo": ["success", "time"],
}
_OURS_OF: Final[Mapping[tuple[str, str], Collection[str]]] = {
    ("stratoscope_cloud_requests_total", "code"): ["[23]..", "404"],
    ("stratoscope_hypervisor_host_cpu_seconds_total", "mode"): ["idle", "iowait"],
    ("stratoscope_hypervisor_host_pressure_some_seconds_total", "resource"): ["cpu", "io", "memory"],
    ("stratoscope_hypervisor_host_vms", "state"): ["running", "shutoff"],
    ("stratoscope_hypervisor_vm_state", "state"): ["running", "shutoff", "crashed", "paused"],
    ("stratoscope_hypervisor_vm_disk_limit_requests_per_second", "limit"): [
        f"{way}_iops_sec" for way in _WAYS
    ],
    ("stratoscope_hypervisor_vm_disk_limit_bytes_per_second", "limit"): [f"{way}_bytes_sec" for way in _WAYS],
    ("stratoscope_hypervisor_vm_pressure_some_seconds_total", "resource"): ["cpu", "io", "memory"],
    ("stratoscope_vmprobe_probe_state", "state"): [*State],
    ("stratoscope_collector_success", "collector"): ["hosts_off"],
    ("stratoscope_management_objects_whole", "sort"): [*SORTS, "backends", "flavors", "images"],
}
"""Labels by metric: HTTP's codes, the kernel's modes, libvirt's states, limits, which others spell; sorts."""


def spelled_by_a_kind(expression: str) -> Iterator[str]:
    """The matchers of an expression whose value one kind of cloud alone may spell. "" is nobody's."""
    for metric, label, value in matchers(expression):
        ours = _OURS.get(label) or _OURS_OF.get((metric, label), ())
        given = {one for one in value.split("|") if not _ALL.fullmatch(one)}
        if label not in _OF_OURSELVES and not given <= {*ours}:
            yield f'{metric}{{{label}="{value}"}}'
