"""The step `reachable` by `ssh` on libvirt: the host keys come from the domain's serial console."""

from collections.abc import AsyncIterator

import asyncssh
import libvirt
import pytest

from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.steps import console_log
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, StepLeftOutError, Underway
from stratoscope.clouds.steps.reachable import Reachable
from support.fake_console import ConsoleDaemon
from support.fake_libvirt import failure
from support.reaching import underway

HERE = underway("127.0.0.1")
KEY = asyncssh.generate_private_key("ssh-ed25519")
PUBLIC = KEY.export_public_key()
WRITTEN = b"-----BEGIN SSH HOST KEY KEYS-----\r\n%s\r\n-----END SSH HOST KEY KEYS-----\r\n" % PUBLIC.strip()


@pytest.fixture
def daemon() -> ConsoleDaemon:
    return ConsoleDaemon()


@pytest.fixture
async def cloud(daemon: ConsoleDaemon) -> AsyncIterator[WritableCloud]:
    cloud = WritableCloud(LibvirtCloud(name="lab", uri="qemu:///system", host="node1"), daemon.connect)
    yield cloud
    await cloud.close()
    assert daemon.open == []


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with await asyncssh.listen("127.0.0.1", 0, server_host_keys=[KEY]) as listener:
        yield listener.get_port()


async def requested(lifecycle: LibvirtVMs) -> Underway:
    return Underway(HERE.mark, HERE.resolved, await lifecycle.request(HERE), HERE.seen)


def vms(cloud: WritableCloud, port: int, text: str = "") -> LibvirtVMs:
    reachable = Reachable(ssh=port)
    return LibvirtVMs(cloud, Description(network="default", reachable=reachable, console=text))


@pytest.mark.parametrize(("text", "phases"), [("", 1), ("login:", 2)])
async def test_console_is_kept_for_the_host_keys_with_and_without_a_text(
    daemon: ConsoleDaemon, cloud: WritableCloud, port: int, text: str, phases: int
) -> None:
    lifecycle = vms(cloud, port, text)
    assert [one.phase for one in lifecycle.steps] == [Phase.REACHABLE, Phase.CONSOLE][:phases]
    run = await requested(lifecycle)
    assert daemon.flags == [libvirt.VIR_DOMAIN_START_PAUSED]
    step, *others = lifecycle.steps
    assert not await step.has_ended(run)
    daemon.streams[0].happens(b"boot\xff\r\n" + WRITTEN[:50])
    assert not await step.has_ended(run)
    daemon.streams[0].happens(WRITTEN[50:] + b"login: ")
    assert await step.has_ended(run)
    assert [await one.has_ended(run) for one in others] == [True] * (phases - 1)


async def test_key_of_another_machine_fails_the_run(
    daemon: ConsoleDaemon, cloud: WritableCloud, port: int
) -> None:
    lifecycle = vms(cloud, port)
    run = await requested(lifecycle)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().strip()
    daemon.streams[0].happens(WRITTEN.replace(PUBLIC.strip(), other))
    with pytest.raises(
        StepError, match=r"is not the VM: its SSH host key SHA256:.* is not on the VM's"
    ) as error:
        await lifecycle.steps[0].has_ended(run)
    assert error.value.reason is RunReason.NETWORK


async def test_console_that_may_not_be_read_leaves_the_step_out(
    daemon: ConsoleDaemon, cloud: WritableCloud, port: int
) -> None:
    daemon.broken["newStream"] = failure(libvirt.VIR_ERR_ACCESS_DENIED, "not allowed")
    lifecycle = vms(cloud, port)
    run = await requested(lifecycle)
    with pytest.raises(StepLeftOutError, match="not allowed"):
        await lifecycle.steps[0].has_ended(run)


async def test_log_of_a_console_that_has_ended_is_none(daemon: ConsoleDaemon, cloud: WritableCloud) -> None:
    run = await requested(vms(cloud, 22))
    daemon.streams[0].happens(WRITTEN)
    assert await console_log(cloud, run.vm_id) == WRITTEN.decode()
    daemon.streams[0].happens(b"")
    with pytest.raises(StepError, match="the domain has closed its console"):
        await console_log(cloud, run.vm_id)


def test_log_is_kept_from_its_end_and_only_if_it_is_wanted() -> None:
    console, other = (Console("57a7", "", "qemu:///system", kept=kept) for kept in (1000, 0))
    for number in range(5000):
        for one in (console, other):
            one.take(b"%d\n" % number)
    assert 1000 <= len(console.log) <= 2000
    assert console.log.endswith("4998\n4999\n")
    assert other.log == ""
