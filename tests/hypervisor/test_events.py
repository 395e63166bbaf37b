"""Events, counted per VM and for the host."""

from stratoscope.hypervisor.collectors.events import Events
from support.golden import assert_golden
from support.libvirt_hosts import FakeHost, fetched, listed
from support.pages import promtool_findings, rendered
from support.vms import uuid

LATER = (("started", "recreated"), ("stopped", "recreated"), ("suspended", "guest_shutdown"))
"""Events that libvirt 12 has and the golden file's 9.0 had not."""


async def watched(*domains: tuple[int, str]) -> FakeHost:
    """A host whose domains (number, name) were listed once."""
    host = FakeHost(domains=[listed(number, name=name) for number, name in domains])
    await host.listing(frozenset())
    return host


async def page(host: FakeHost) -> str:
    events = Events(host.as_host)
    return rendered(events.samples(await fetched(events)), events.families)


async def test_golden_page_of_events() -> None:
    host = await watched((1, "instance-00000001"), (6, "one-77"))
    for of, event, detail in (
        (1, "stopped", "crashed"), (6, "io_error", "pause"), (6, "io_error", "pause"), (6, "reboot", ""),
    ):  # fmt: skip
        host.events.count(uuid(of), 1, event, detail)
    for later in LATER:
        host.events.by_event.pop(later, None)
    shown = await page(host)
    assert_golden("hypervisor_events.prom", shown)
    assert promtool_findings(shown) == ""


async def test_events_of_a_vm_are_shown_by_its_id_in_the_management_layer() -> None:
    host = await watched((6, "one-77"))
    host.events.count(uuid(6), 1, "watchdog", "reset")
    series = 'vm_events_total{cloud="uni",vm_id="77",event="watchdog",detail="reset"} 1\n'
    assert f"stratoscope_hypervisor_{series}" in await page(host)


async def test_vm_without_an_event_has_no_series() -> None:
    assert "vm_events_total" not in await page(await watched((1, "")))


async def test_domain_that_no_listing_held_counts_for_the_host_alone() -> None:
    host = await watched((1, ""))
    host.events.count(uuid(9), 1, "crashed", "panicked")
    shown = await page(host)
    assert "vm_events_total" not in shown
    assert 'event="crashed",detail="panicked"} 1\n' in shown


async def test_events_of_the_host_begin_at_zero_so_that_the_first_shows_in_a_rate() -> None:
    shown = await page(FakeHost())
    labels = 'cloud="uni",host="node1",uri="qemu:///system"'
    assert f'host_events_total{{{labels},event="stopped",detail="crashed"}} 0\n' in shown


async def test_gap_in_hearing_is_shown() -> None:
    shown = await page(FakeHost(is_hearing=False))
    assert 'libvirt_events_connected{cloud="uni",host="node1",uri="qemu:///system"} 0\n' in shown


async def test_counts_that_were_fetched_do_not_change_with_later_events() -> None:
    host = await watched((1, ""))
    host.events.count(uuid(1), 1, "reboot", "")
    counts = await fetched(Events(host.as_host))
    host.events.count(uuid(1), 1, "reboot", "")
    assert counts.by_vm[uuid(1)] == {("reboot", ""): 1}
    assert counts.by_event["reboot", ""] == 1


def test_one_of_several_uris_bears_a_tag_and_is_chosen_by_its_kind_as_well() -> None:
    events = Events(FakeHost(tag="lxc").as_host)
    assert events.name == "events_lxc"
    assert events.subjects == {"events": events.families}
