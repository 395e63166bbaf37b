"""What a probe sees of its domain: the states that never end well, its addresses; hosts in turn."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import libvirt
import pytest

from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.lifecycle import errors
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.lifecycle import Mark, Object, Phase, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.clouds.steps.reachable import Reachable
from stratoscope.vmprobe.phases import wanted_phases
from support.fake_console import ConsoleDaemon
from support.fake_libvirt import FakeDaemon, FakeDomain, failure

UUID = "57a70000-0000-4000-8000-000000000001"
MARK = Mark("tag", "boot", "57a7", 1_800_000_000.0)
RUN = Underway(MARK, Resolved("", None))
IPV4 = {"addr": "192.168.122.7", "prefix": 24, "type": 0}
LINK_LOCAL = {"addr": "fe80::1", "prefix": 64, "type": 1}
UNSUPPORTED = failure(libvirt.VIR_ERR_NO_SUPPORT)


@asynccontextmanager
async def opened(daemon: FakeDaemon) -> AsyncIterator[WritableCloud]:
    cloud = WritableCloud(LibvirtCloud(name="lab", host="node1"), daemon.connect)
    try:
        yield cloud
    finally:
        await cloud.close()


async def seen(calls: Mapping[str, Any], **described: Any) -> Seen | None:
    async with opened(FakeDaemon(FakeDomain(UUID, calls=dict(calls)))) as cloud:
        return await LibvirtVMs(cloud, Description(**described)).see(UUID)


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        ([3, libvirt.VIR_DOMAIN_PAUSED_IOERROR], RunReason.VOLUME, "the domain is paused: ioerror"),
        ([3, libvirt.VIR_DOMAIN_PAUSED_CRASHED], RunReason.HYPERVISOR, "the domain is paused: crashed"),
        ([6, libvirt.VIR_DOMAIN_CRASHED_PANICKED], RunReason.HYPERVISOR, "the domain is crashed: panicked"),
        ([5, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED], RunReason.HYPERVISOR, "the domain is shutoff: crashed"),
        ([5, 99], RunReason.HYPERVISOR, "the domain is shutoff: unknown_99"),
    ],
)
async def test_domain_that_will_never_run_has_a_fault(
    state: Sequence[int], reason: RunReason, message: str
) -> None:
    vm = await seen({"state": state})
    assert vm is not None
    assert not vm.is_built
    assert vm.fault is not None
    assert (vm.fault.reason, str(vm.fault)) == (reason, message)


@pytest.mark.parametrize(
    ("state", "word", "is_built"),
    [
        ([3, libvirt.VIR_DOMAIN_PAUSED_USER], "paused", False),
        ([3, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP], "paused", False),
        ([4, 0], "shutdown", False),
        ([2, 0], "blocked", True),
        ([0, 0], "nostate", True),
    ],
)
async def test_domain_that_may_still_run_has_no_fault(
    state: Sequence[int], word: str, is_built: bool
) -> None:
    vm = await seen({"state": state})
    assert vm is not None
    assert (vm.state, vm.is_built, vm.fault, vm.addresses) == (word, is_built, None, ())


async def test_domain_that_disappears_while_it_is_looked_at_is_gone() -> None:
    assert await seen({"state": failure(libvirt.VIR_ERR_NO_DOMAIN)}) is None


def answering(*answers: Any) -> Callable[[], Any]:
    """One answer after the other: the DHCP server's, then that of the ARP table."""
    rest = [*answers]

    def answer() -> Any:
        one = rest.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    return answer


def interfaces(*addresses: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "vnet0": {"addrs": [*addresses] or None, "hwaddr": "52:54:00:00:00:01"},
        "vnet1": {"addrs": None, "hwaddr": ""},
    }


@pytest.mark.parametrize(
    ("answers", "addresses"),
    [
        ([interfaces(IPV4)], ["192.168.122.7"]),
        ([interfaces(), interfaces(IPV4)], ["192.168.122.7"]),
        ([interfaces(LINK_LOCAL), interfaces(LINK_LOCAL, IPV4)], ["192.168.122.7"]),
        ([UNSUPPORTED, interfaces(IPV4)], ["192.168.122.7"]),
        ([{}, failure(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running")], []),
        ([UNSUPPORTED, UNSUPPORTED], []),
        ([interfaces(), failure(libvirt.VIR_ERR_INTERNAL_ERROR, "wrong nlmsg len")], []),
    ],
)
async def test_vm_that_is_to_be_reachable_is_networked_once_its_host_knows_its_address(
    answers: Sequence[Any], addresses: Sequence[str]
) -> None:
    calls = {"state": [1, 1], "interfaceAddresses": answering(*answers)}
    vm = await seen(calls, network="default", reachable=Reachable(icmp=True))
    assert vm is not None
    assert vm.is_built
    assert [*vm.addresses] == addresses
    assert vm.is_networked is bool(addresses)


async def test_addresses_are_not_asked_for_before_the_domain_runs_or_without_need() -> None:
    paused = await seen({"state": [3, 1]}, network="default", reachable=Reachable(icmp=True))
    assert paused is not None
    assert not paused.is_networked
    running = await seen({"state": [1, 1]}, network="default")
    assert running is not None
    assert running.is_networked


async def test_error_of_the_addresses_is_that_of_the_step() -> None:
    calls = {"state": [1, 1], "interfaceAddresses": failure(libvirt.VIR_ERR_ACCESS_DENIED, "no")}
    with pytest.raises(StepError, match="no") as error:
        await seen(calls, network="default", reachable=Reachable(icmp=True))
    assert error.value.reason is RunReason.POLICY


def test_phases_are_those_that_the_description_wants() -> None:
    assert wanted_phases(Description()) == []
    wanted = Description(network="default", reachable=Reachable(icmp=True), console="login:")
    assert wanted_phases(wanted) == [Phase.REACHABLE, Phase.CONSOLE]
    cloud = WritableCloud(LibvirtCloud(name="lab", uri="test:///default"))
    assert [step.phase for step in LibvirtVMs(cloud, wanted).steps] == wanted_phases(wanted)


async def test_run_without_a_vm_has_left_nothing() -> None:
    async with opened(FakeDaemon()) as cloud:
        assert await LibvirtVMs(cloud, Description()).left("") == ()


@asynccontextmanager
async def two_hosts() -> AsyncIterator[tuple[WritableCloud, dict[str, ConsoleDaemon]]]:
    daemons = {f"qemu+tls://{host}/system": ConsoleDaemon() for host in ("one", "two")}
    entry = LibvirtCloud(name="lab", uri=[*daemons])
    cloud = WritableCloud(entry, lambda uri: daemons[uri].connect(uri))
    try:
        yield cloud, {host: daemons[f"qemu+tls://{host}/system"] for host in ("one", "two")}
    finally:
        await cloud.close()


async def test_vm_of_each_turn_is_on_its_own_host_and_is_found_there() -> None:
    async with two_hosts() as (cloud, daemons):
        lifecycle = LibvirtVMs(cloud, Description(disk="/d"))
        assert [*await lifecycle.hosts()] == ["one", "two"]
        ids = {}
        for host, daemon in daemons.items():
            turn = lifecycle.at(host)
            await turn.authenticate()
            await turn.check_quota(await turn.resolve())
            ids[host] = await turn.request(RUN, host)
            assert [*daemon.domains] == [ids[host]]
        cloud.host_of.clear()  # as after a restart
        for host, daemon in daemons.items():
            vm = await lifecycle.see(ids[host])
            assert vm is not None
            assert vm.host == host
            await lifecycle.delete(Object("domain", ids[host]))
            assert daemon.domains == {}


async def test_host_that_is_down_holds_up_the_search_for_vms_of_all_hosts_and_no_other_turn() -> None:
    async with two_hosts() as (cloud, daemons):
        lifecycle = LibvirtVMs(cloud, Description(disk="/d"))
        daemons["two"].die()
        await lifecycle.at("one").request(RUN, "one")
        with pytest.raises(StepError, match="Connection refused"):
            await lifecycle.owned("tag")
        with pytest.raises(StepError, match="Connection refused"):
            await lifecycle.at("two").authenticate()
        own = LibvirtVMs(cloud, Description(disk="/d", uri="qemu+tls://one/system"))
        assert (await own.owned("tag")).objects == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "internal error: process exited: qemu: could not load kernel '/k'",
            RunReason.IMAGE,
        ),
        (
            "internal error: qemu unexpectedly closed the monitor: qemu: invalid kernel header",
            RunReason.IMAGE,
        ),
        ("internal error: process exited: qemu: could not load initrd '/i'", RunReason.IMAGE),
        ("Requested operation is not valid: network 'n' is not active", RunReason.NETWORK),
        ("Unable to add bridge virbr9 port vnet0: No such device", RunReason.NETWORK),
        ("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory", RunReason.HYPERVISOR),
        ("internal error: qemu unexpectedly closed the monitor", RunReason.HYPERVISOR),
    ],
)
def test_words_about_kernel_initrd_and_network_have_reasons(text: str, reason: RunReason) -> None:
    assert errors.refused_reason(failure(libvirt.VIR_ERR_INTERNAL_ERROR, text)) is reason
