"""Interfaces of a VM.

Source: libvirt's group INTERFACE; for link, bridge, MTU and queue of the tap: the definition, /sys/class/net
and rtnetlink.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject, device
from stratoscope.hypervisor.vm import VM

_LABELS: Final = (*VM_LABELS, "device")
_PREFIX: Final = "stratoscope_hypervisor_vm_network"
_COUNTERS: Final = tuple(
    Family(f"{_PREFIX}_{name}_{what}_total", f"{help_text} ({source}.{key}).", labels=_LABELS)
    for name, done, way, source in (
        ("receive", "received by", "to", "rx"),
        ("transmit", "sent by", "from", "tx"),
    )
    for what, help_text, key in (
        ("bytes", f"Bytes {done} the VM", "bytes"),
        ("packets", f"Packets {done} the VM", "pkts"),
        ("errors", f"Packets {way} the VM that had errors", "errs"),
        ("drops", f"Packets {way} the VM that were dropped", "drop"),
    )
)
UP = Family(
    f"{_PREFIX}_up",
    "1 if the interface's tap on the host exists, is up and has a carrier, and the link is not set down, "
    "else 0; absent where the host has no device for it (vhost-user, SR-IOV).",
    labels=_LABELS,
)
LINK = Family(
    f"{_PREFIX}_link_up",
    "0 if the interface's link is set down (virsh domif-setlink), else 1; a change is visible within a "
    "minute.",
    labels=_LABELS,
)
ATTACHED = Family(
    f"{_PREFIX}_attached",
    "1 if the tap is a port of its bridge, 0 if it was removed from it; absent for a tap without a bridge.",
    labels=_LABELS,
)
MTU = Family(f"{_PREFIX}_mtu_bytes", "MTU of the tap, in bytes.", labels=_LABELS)
PROMISCUOUS = Family(
    f"{_PREFIX}_promiscuous_changed",
    "1 if the tap's promiscuity count, its bridge excluded, is above the lowest that the exporter has seen, "
    "else 0; absent where the kernel does not report it.",
    labels=_LABELS,
)
QUEUE_DROPS = Family(
    f"{_PREFIX}_queue_drops_total",
    "Packets to the VM that the tap's root qdisc dropped; absent if it has no queue (noqueue).",
    labels=_LABELS,
)
QUEUE_BACKLOG = Family(
    f"{_PREFIX}_queue_backlog_bytes",
    "Bytes to the VM that wait in the tap's root qdisc (backlog); absent if it has no queue (noqueue).",
    labels=_LABELS,
)

_OF_TAP: Final = (UP, LINK, ATTACHED, MTU, PROMISCUOUS, QUEUE_DROPS, QUEUE_BACKLOG)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    samples: list[Sample] = []
    for one in vm.domain.interfaces:
        values = (
            one.rx_bytes, one.rx_packets, one.rx_errors, one.rx_drops,
            one.tx_bytes, one.tx_packets, one.tx_errors, one.tx_drops,
        )  # fmt: skip
        samples += optional_samples(_COUNTERS, values, labels.at(device(one.name)))
    return samples


def _taps(vm: VM, labels: Labels) -> Iterable[Sample]:
    for tap in vm.taps:
        of_tap = labels.at(device(tap.name))
        values = (
            tap.is_up, tap.link, tap.is_attached, tap.mtu, tap.promiscuous_changed,
            tap.queue_drops, tap.queue_backlog,
        )  # fmt: skip
        yield from optional_samples(_OF_TAP, values, of_tap)


NETWORK: Final = Subject("network", _COUNTERS, _samples, series=8, beyond="8 for each further interface")
TAPS: Final = Subject(
    "taps",
    _OF_TAP,
    _taps,
    series=5,
    beyond="5 for each further interface; 2 for each that has a queue, as with a bandwidth limit",
    taps=True,
    without_daemon=True,
    from_kernel=True,
)
