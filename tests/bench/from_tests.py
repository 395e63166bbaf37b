"""What the benchmarks take from the tests, and from the scripts that these share."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "scripts")]

from cloud.ports import free_port

from stratoscope.core.metrics import Labels
from stratoscope.hypervisor.kernel.cpu import Throttling
from stratoscope.hypervisor.kernel.vcpus import VCPU
from stratoscope.hypervisor.settings import subjects
from support import debian
from support.alertmanagers import RealAlertmanager, unpacked
from support.downtime_process import DowntimeProcess
from support.fake_broker import PASSWORD, USER, FakeBroker, broker
from support.front_page import Size, asked, stored
from support.golden import GOLDEN
from support.notifications import about
from support.pages import rendered
from support.replayed_oned import recorded as recorded_of_oned
from support.rule_checks import nodes
from support.vms import PLAIN, disk, domain, kernel, kvm

__all__ = [
    "GOLDEN",
    "LOGIN",
    "PLAIN",
    "DowntimeProcess",
    "FakeBroker",
    "RealAlertmanager",
    "Size",
    "about",
    "asked",
    "broker",
    "debian",
    "free_port",
    "guests",
    "nodes",
    "recorded_of_oned",
    "stored",
    "unpacked",
]

LOGIN = f"{USER}:{PASSWORD}"
"""Of the broker, as its credentials_file has it."""


def guests() -> list[str]:
    """What the hypervisor exporter shows of VMs with the id PLAIN on HOST.

    Three are plain, with two vCPUs; one has four vCPUs, a quota and a second disk.
    """
    plain = kvm(vcpus=2, kernel=kernel(vcpus={n: VCPU(9.5, 0.75, 0.5) for n in range(2)}))
    larger = kvm(
        domain=domain(disks=(disk(), disk("vdb"))),
        kernel=kernel(vcpus={n: VCPU(9.5, 0.75, 0.5) for n in range(4)}, throttling=Throttling(1000, 0, 0.0)),
        vcpus=4,
    )
    shown = [subject for subject in subjects("HOST") if subject.is_on]
    families = [family for subject in shown for family in subject.families]
    return [
        rendered(
            (sample for one in shown for sample in one.samples(vm, Labels(cloud="demo", vm_id=vm.vm_id))),
            families,
        )
        for vm in (plain, plain, plain, larger)
    ]
