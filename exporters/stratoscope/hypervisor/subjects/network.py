"""Interfaces of a VM.

Source: libvirt's group INTERFACE; for link, MTU and queue of the tap /sys/class/net and rtnetlink.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, given
from stratoscope.hypervisor.subjects import VM_LABELS, Subject, device
from stratoscope.hypervisor.vm import VM

_LABELS: Final = (*VM_LABELS, "device")
_PREFIX: Final = "stratoscope_hypervisor_vm_network"
_COUNTERS: Final = tuple(
    Family(f"{_PREFIX}_{name}_{what}_total", f"{help_text} ({source}.{key}).", labels=_LABELS)
    for name, verb, source in (("receive", "the VM received", "rx"), ("transmit", "the VM sent", "tx"))
    for what, help_text, key in (
        ("bytes", f"Bytes that {verb}", "bytes"),
        ("packets", f"Packets that {verb}", "pkts"),
        ("errors", f"Errors among what {verb}", "errs"),
        ("drops", f"Packets dropped of what {verb}", "drop"),
    )
)
UP = Family(
    f"{_PREFIX}_up",
    "1 if the tap is there, up and has a carrier and the link was not set down, else 0.",
    labels=_LABELS,
)
MTU = Family(f"{_PREFIX}_mtu_bytes", "MTU of the tap.", labels=_LABELS)
PROMISCUOUS = Family(
    f"{_PREFIX}_promiscuous_changed",
    "1 if the tap's promiscuous flag is not what it was when the tap was first seen, else 0.",
    labels=_LABELS,
)
QUEUE_DROPS = Family(
    f"{_PREFIX}_queue_drops_total",
    "Packets that the tap's queue dropped; absent without a queue.",
    labels=_LABELS,
)
QUEUE_BACKLOG = Family(
    f"{_PREFIX}_queue_backlog_bytes",
    "Bytes that wait in the tap's queue; absent without a queue.",
    labels=_LABELS,
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    samples: list[Sample] = []
    for one in vm.domain.interfaces:
        values = (
            one.rx_bytes, one.rx_packets, one.rx_errors, one.rx_drops,
            one.tx_bytes, one.tx_packets, one.tx_errors, one.tx_drops,
        )  # fmt: skip
        samples += given(_COUNTERS, values, labels.at(device(one.name)))
    return samples


def _taps(vm: VM, labels: Labels) -> Iterable[Sample]:
    for tap in vm.taps:
        of_tap = labels.at(device(tap.name))
        yield UP(tap.is_up, of_tap)
        if tap.mtu is not None:
            yield MTU(tap.mtu, of_tap)
        if tap.promiscuous_changed is not None:
            yield PROMISCUOUS(tap.promiscuous_changed, of_tap)
        if tap.queue_drops is not None:
            yield QUEUE_DROPS(tap.queue_drops, of_tap)
        if tap.queue_backlog is not None:
            yield QUEUE_BACKLOG(tap.queue_backlog, of_tap)


NETWORK: Final = Subject("network", _COUNTERS, _samples, series=8, beyond="8 for each further interface")
TAPS: Final = Subject(
    "taps",
    (UP, MTU, PROMISCUOUS, QUEUE_DROPS, QUEUE_BACKLOG),
    _taps,
    series=3,
    beyond="3 for each further interface; 2 for each that has a queue, as with a bandwidth limit",
    taps=True,
    without_daemon=True,
)
