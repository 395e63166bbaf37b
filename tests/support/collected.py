"""The collector `domains` over a host and a kernel that answer from memory, and its pages."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.kernel.oom import Kills
from stratoscope.hypervisor.kernel.tap_history import Told
from stratoscope.hypervisor.kernel.taps import Tap
from stratoscope.hypervisor.kernel_reader import Reading
from stratoscope.hypervisor.settings import subjects
from stratoscope.hypervisor.subjects import Subject
from support.libvirt_hosts import FakeHost, FakeKernel, fetched
from support.pages import rendered
from support.vms import kernel, of_vm, uuid

SUBJECTS = {subject.name: subject for subject in subjects("node1")}
BY_DEFAULT = [subject for subject in SUBJECTS.values() if subject.is_on]
FAILED = "stratoscope_hypervisor_vm_status_check_failed"


def a_tap(**other: Any) -> Tap:
    return replace(Tap(7, True, True, 1500, "brq1"), **other)


def reading(*numbers: int, **other: Any) -> Reading:
    """The kernel tells of these VMs."""
    vms = {uuid(number): kernel() for number in numbers}
    return replace(Reading(vms=vms, kills=Kills(dict.fromkeys(vms, 0))), **other)


def domains(
    host: FakeHost, *readings: Reading, chosen: Sequence[Subject] = BY_DEFAULT
) -> tuple[Domains, FakeKernel]:
    """The collector; without readings its host is another machine."""
    kernel = FakeKernel(list(readings))
    return Domains(host.as_host, kernel.as_kernel if readings else None, chosen), kernel


def told(
    masters: dict[str, str] | None = None, promiscuous: dict[str, bool] | None = None, **taps: Tap | None
) -> Told:
    """These interfaces, and what they were before."""
    return Told(taps, masters or {}, promiscuous or {})


async def page(collector: Domains) -> str:
    return rendered(collector.samples(await fetched(collector)), collector.families)


def checks(shown: str, number: int) -> dict[str, str]:
    """Check -> value, of one VM."""
    lines = [line for line in of_vm(shown, uuid(number)) if line.startswith(FAILED)]
    return {line.split('"')[5]: line.rpartition(" ")[2] for line in lines}
