"""The daemon, and a host elsewhere as libvirt sees it."""

import pytest

from stratoscope.clouds.libvirt.model import Daemon as Answer
from stratoscope.clouds.libvirt.model import Node
from stratoscope.core.errors import CollectError
from stratoscope.hypervisor.collectors.daemon import Daemon, RemoteHost
from support.golden import assert_golden
from support.libvirt_hosts import FakeHost, fetched, unavailable
from support.pages import promtool_findings, rendered


async def test_golden_page_of_a_daemon_that_answers() -> None:
    host = FakeHost(its_daemon=Answer(True, 0.001, 1, "QEMU", "7.2.0", "9.0.0"))
    daemon = Daemon(host.as_host)
    page = rendered(daemon.samples(await fetched(daemon)), daemon.families)
    assert_golden("hypervisor_daemon.prom", page)
    assert promtool_findings(page) == ""


async def test_daemon_that_does_not_answer_is_a_0_and_no_failure() -> None:
    daemon = Daemon(FakeHost().as_host)
    page = rendered(daemon.samples(await fetched(daemon)), daemon.families)
    labels = 'cloud="uni",host="node1",uri="qemu:///system"'
    assert [line for line in page.splitlines() if not line.startswith("#")] == [
        f"stratoscope_hypervisor_libvirt_reachable{{{labels}}} 0",
        f"stratoscope_hypervisor_libvirt_hung_calls{{{labels}}} 2",
        f"stratoscope_hypervisor_libvirt_waiting_connections{{{labels}}} 3",
    ]


async def test_daemon_that_has_not_told_its_hypervisors_version_yet_is_reachable() -> None:
    daemon = Daemon(FakeHost(its_daemon=Answer(True, 0.001, 0, "QEMU", None, "9.0.0")).as_host)
    page = rendered(daemon.samples(await fetched(daemon)), daemon.families)
    assert "libvirt_reachable{" in page
    assert "libvirt_round_trip_seconds{" in page
    assert "host_info" not in page


async def test_golden_page_of_a_host_elsewhere() -> None:
    host = FakeHost(its_node=Node(8, 2, 1 << 34, 1 << 30, {"user": 4.0, "idle": 90.5}))
    node = RemoteHost(host.as_host)
    page = rendered(node.samples(await fetched(node)), node.families)
    assert_golden("hypervisor_node.prom", page)
    assert promtool_findings(page) == ""


async def test_what_a_driver_does_not_tell_of_its_host_is_absent() -> None:
    node = RemoteHost(FakeHost(its_node=Node(16, 1, 1 << 31, None, {})).as_host)
    page = rendered(node.samples(await fetched(node)), node.families)
    assert "memory_free" not in page
    assert "cpu_seconds" not in page


async def test_host_elsewhere_fails_while_its_daemon_is_gone() -> None:
    with pytest.raises(CollectError):
        await fetched(RemoteHost(FakeHost(down=unavailable()).as_host))


@pytest.mark.parametrize("kind", [Daemon, RemoteHost])
def test_one_of_several_uris_bears_a_tag_and_is_chosen_by_its_kind_as_well(
    kind: type[Daemon] | type[RemoteHost],
) -> None:
    collector = kind(FakeHost(tag="lxc").as_host)
    base = "daemon" if kind is Daemon else "node"
    assert collector.name == f"{base}_lxc"
    assert collector.subjects == {base: collector.families}
