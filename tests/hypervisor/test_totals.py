"""What the VMs of a URI come to, and what is left out while it is not known."""

import pytest
from msgspec.structs import replace

from stratoscope.core.metrics import Labels
from stratoscope.hypervisor.collectors import totals
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.vm import VM
from support.golden import assert_golden
from support.pages import promtool_findings, rendered
from support.vms import NO_BALLOON, all_kinds, domain, kernel, kvm, opennebula, shut_off, unidentified, vm

HOST = Labels(cloud="uni", host="node1", uri="qemu:///system")
PROMISES = ("host_vcpus_promised{", "host_memory_promised_bytes{")


def shown(*vms: VM, is_whole: bool = True) -> str:
    return rendered(totals.samples(vms, HOST, is_whole=is_whole), totals.FAMILIES)


def promised(page: str) -> list[str]:
    return [name for name in PROMISES if f"stratoscope_hypervisor_{name}" in page]


def test_golden_page_of_the_totals() -> None:
    vms = [replace(one, kernel=kernel(refused=("pressure",))) for one in all_kinds() if one.kernel]
    missing = {"u1": NotFound.ABSENT, "u2": NotFound.ABSENT, "u3": "timeout"}
    samples = [*totals.samples(vms, HOST, is_whole=True), *totals.of_kernel(vms, missing, HOST)]
    page = rendered(samples, totals.FAMILIES)
    assert_golden("hypervisor_totals.prom", page)
    assert promtool_findings(page) == ""


def test_every_state_is_counted_from_zero_and_an_unknown_one_besides() -> None:
    page = shown(vm(domain(state="unknown_9")), kvm())
    states = [line for line in page.splitlines() if line.startswith("stratoscope_hypervisor_host_vms{")]
    assert len(states) == 9
    assert f'stratoscope_hypervisor_host_vms{{{HOST.text},state="unknown_9"}} 1' in states
    assert f'stratoscope_hypervisor_host_vms{{{HOST.text},state="shutoff"}} 0' in states


def test_vm_that_is_off_was_promised_nothing() -> None:
    page = shown(kvm(), shut_off())
    assert f"stratoscope_hypervisor_host_vcpus_promised{{{HOST.text}}} 1\n" in page


def test_host_without_vms_promised_nothing() -> None:
    page = shown()
    assert f"stratoscope_hypervisor_host_vcpus_promised{{{HOST.text}}} 0\n" in page
    assert f"stratoscope_hypervisor_host_memory_promised_bytes{{{HOST.text}}} 0\n" in page


def test_memory_of_a_vm_whose_monitor_hangs_is_that_of_its_definition() -> None:
    silent = kvm(domain=domain(balloon=NO_BALLOON))
    assert f"stratoscope_hypervisor_host_memory_promised_bytes{{{HOST.text}}} {2 << 30}\n" in shown(silent)


@pytest.mark.parametrize(
    ("unknown", "left"),
    [
        (kvm(vcpus=None), [PROMISES[1]]),
        (kvm(domain=domain(balloon=NO_BALLOON), identity=None), [PROMISES[0]]),
        (replace(opennebula(), domain=domain(balloon=NO_BALLOON)), [PROMISES[0]]),
    ],
)
def test_promise_is_left_out_while_one_vms_is_unknown(unknown: VM, left: list[str]) -> None:
    assert promised(shown(kvm(), unknown)) == left


def test_promises_are_left_out_while_a_domain_could_not_be_read() -> None:
    assert promised(shown(kvm(), is_whole=False)) == []


def test_domains_without_a_definition_are_counted() -> None:
    page = shown(kvm(), unidentified())
    assert f"stratoscope_hypervisor_host_vms_unidentified{{{HOST.text}}} 1\n" in page


def test_reasons_and_parts_are_counted_from_zero() -> None:
    page = rendered(totals.of_kernel([], {}, HOST), totals.FAMILIES)
    values = [line.rpartition(" ")[2] for line in page.splitlines() if not line.startswith("#")]
    assert values == ["0"] * (4 + 7)
