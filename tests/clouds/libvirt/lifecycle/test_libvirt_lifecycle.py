"""Domains of probes on the mock driver of libvirt: created with a mark, found by it, gone; its failures."""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import libvirt
import pytest

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.kind import KIND
from stratoscope.clouds.libvirt.lifecycle import errors
from stratoscope.clouds.libvirt.lifecycle.capabilities import Guests, guests
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.domain import BOOT_SECTOR, MARKER, definition, mark
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.lifecycle import Mark, Object, Resolved, RunReason, StepError, Underway
from stratoscope.core.config import decode
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, ConfigError, Reason
from support import fake_console
from support.fake_console import ConsoleDaemon
from support.fake_libvirt import FakeDomain, failure

URI = "test:///default"
MARK = Mark("tag", "pro'be <1>", "57a7", 1_800_000_000.0)
UUID = uuid.UUID("57a70000-0000-4000-8000-000000000077")


@pytest.fixture
async def cloud() -> AsyncIterator[WritableCloud]:
    cloud = WritableCloud(LibvirtCloud(name="lab", uri=URI, host="node1"))
    yield cloud
    await cloud.close()


def vms(cloud: WritableCloud, **described: Any) -> LibvirtVMs:
    return LibvirtVMs(cloud, Description(**described))


async def misconfigured(lifecycle: Lifecycle) -> str:
    with pytest.raises(StepError) as error:
        await lifecycle.resolve()
    assert error.value.reason is RunReason.PROBE_MISCONFIGURED
    return str(error.value)


async def test_domain_is_created_found_by_its_mark_and_gone(cloud: WritableCloud) -> None:
    lifecycle: Lifecycle = vms(cloud)
    await lifecycle.authenticate()
    resolved = await lifecycle.resolve()
    await lifecycle.check_quota(resolved)
    vm_id = await lifecycle.request(Underway(MARK, resolved))
    ours = Object("domain", vm_id, "stratoscope-57a7", MARK)
    seen = await lifecycle.see(vm_id)
    assert seen is not None
    assert (seen.state, seen.host, seen.fault) == ("running", "node1", None)
    assert seen.is_built
    assert seen.is_networked
    assert (await lifecycle.owned("tag")).objects == [ours]
    assert (await lifecycle.owned("another")).objects == []
    assert [*await lifecycle.left(vm_id)] == [ours]
    await lifecycle.delete(ours)
    assert await lifecycle.see(vm_id) is None
    assert [*await lifecycle.left(vm_id)] == []
    await lifecycle.delete(ours)
    assert lifecycle.clock_skew_s is None


async def test_domain_that_another_lifecycle_created_is_found_and_deleted(cloud: WritableCloud) -> None:
    first = vms(cloud)
    vm_id = await first.request(Underway(MARK, await first.resolve()))
    cloud.host_of.clear()
    second = vms(cloud, uri=URI)
    assert (await second.see(vm_id)) is not None
    await second.delete(Object("domain", vm_id))
    assert (await second.owned("tag")).objects == []


async def test_hosts_take_turns_and_each_run_has_its_own() -> None:
    uris = ["test://one/default", "test://two/default"]
    lifecycle = LibvirtVMs(WritableCloud(LibvirtCloud(name="lab", uri=uris)), Description())
    assert await lifecycle.hosts() == ["one", "two"]
    assert lifecycle.at("two")._own.uri == uris[1]
    assert lifecycle.credential == ""


async def test_file_that_is_missing_and_network_that_is_unknown_are_named(
    cloud: WritableCloud, tmp_path: Path
) -> None:
    missing = tmp_path / "disk"
    assert await misconfigured(vms(cloud, disk=str(missing))) == f"disk: {missing}: No such file or directory"
    assert await misconfigured(vms(cloud, kernel=str(missing))) == (
        f"kernel: {missing}: No such file or directory"
    )
    unreadable = "disk: /proc/self/mem: Input/output error"
    assert await misconfigured(vms(cloud, disk="/proc/self/mem")) == unreadable
    text = "network: node1 has no 'defualt'; the nearest it has: default"
    assert await misconfigured(vms(cloud, network="defualt")) == text
    assert (await vms(cloud, network="default").resolve()).image_id == ""


async def test_domain_that_the_daemon_refuses_is_certainly_not_there(
    cloud: WritableCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle = vms(cloud, vcpus=1024, memory=1 << 20)
    resolved = await lifecycle.resolve()
    refusal = _refusing(failure(libvirt.VIR_ERR_NO_MEMORY, "no"))
    monkeypatch.setattr(cloud.hosts[0], "ask_anew", refusal)
    with pytest.raises(StepError) as error:
        await lifecycle.request(Underway(MARK, resolved))
    assert (error.value.reason, error.value.is_unknown) == (RunReason.HYPERVISOR, False)
    assert cloud.host_of == {}


def _refusing(error: libvirt.libvirtError) -> Callable[[Any], Any]:
    async def ask_anew(_: object) -> libvirt.libvirtError:
        return error

    return ask_anew


async def test_domain_is_not_requested_once_nobody_waits(cloud: WritableCloud) -> None:
    token = DEADLINE.set(time.monotonic() - 1)
    try:
        with pytest.raises(StepError) as error:
            await vms(cloud).request(Underway(MARK, await vms(cloud).resolve()))
    finally:
        DEADLINE.reset(token)
    assert (error.value.reason, error.value.is_unknown) == (RunReason.TIMEOUT, False)
    assert (await vms(cloud).owned("tag")).objects == []


@pytest.mark.parametrize(
    ("code", "domain", "reason"),
    [
        (libvirt.VIR_ERR_ACCESS_DENIED, 0, RunReason.POLICY),
        (libvirt.VIR_ERR_AUTH_FAILED, 0, RunReason.AUTH),
        (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, RunReason.API_UNREACHABLE),
        (libvirt.VIR_ERR_INTERNAL_ERROR, 0, RunReason.HYPERVISOR),
        (libvirt.VIR_ERR_OPERATION_TIMEOUT, 0, RunReason.TIMEOUT),
        (libvirt.VIR_ERR_NO_NETWORK, 0, RunReason.NETWORK),
        (libvirt.VIR_ERR_XML_ERROR, 0, RunReason.PROBE_MISCONFIGURED),
    ],
)
def test_errors_of_libvirt_have_reasons(code: int, domain: int, reason: RunReason) -> None:
    cause = libvirt.libvirtError("")
    cause.err = (code, domain, "it failed", 2, None, None, None, -1, -1)
    with pytest.raises(StepError, match="it failed") as raised, errors.translated():
        raise CollectError(Reason.UNAVAILABLE, "it failed") from cause
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(Reason.BUSY, RunReason.TIMEOUT), (Reason.UNAUTHORIZED, RunReason.POLICY)],
)
def test_errors_of_our_own_have_reasons(reason: Reason, expected: RunReason) -> None:
    with pytest.raises(StepError) as raised, errors.translated():
        raise CollectError(reason, "x")
    assert raised.value.reason is expected


def test_words_of_the_daemon_say_what_it_refuses() -> None:
    image = failure(libvirt.VIR_ERR_SYSTEM_ERROR, "Cannot access storage file '/x': Permission denied")
    assert errors.refused_reason(image) is RunReason.IMAGE
    assert errors.refused_reason(failure(libvirt.VIR_ERR_OPERATION_FAILED, "no")) is RunReason.HYPERVISOR


def test_definition_has_what_is_described() -> None:
    described = Description(kernel="/k", initrd="/i", disk="/d.qcow2", network="n&t", memory=32, vcpus=2)
    text = definition(described, Guests("kvm", "x86_64", has_dac=True), MARK, UUID)
    for part in (
        "<domain type='kvm'>", "<kernel>/k</kernel><initrd>/i</initrd>", "type='qcow2'",
        "relabel='no'", 'network="n&amp;t"', "<memory unit='MiB'>32</memory><vcpu>2</vcpu>",
    ):  # fmt: skip
        assert part in text
    assert "<disk" not in definition(Description(kernel="/k"), Guests("qemu", "x86_64"), MARK, UUID)


def test_marks_that_are_none() -> None:
    assert mark("<probe tag='t'/>") is None
    assert mark("<probe run='r'/>") is None
    assert mark("") is None
    found = mark("<probe tag='t' run='r' deadline='soon'/>")
    assert found is not None
    assert found.deadline == float("inf")


def test_boot_sector_has_the_marker() -> None:
    content = Path(BOOT_SECTOR).read_bytes()
    assert MARKER in content[:512]
    assert content[510:512] == b"\x55\xaa"


def test_kvm_is_chosen_where_there_is_kvm_and_nothing_without_a_bios() -> None:
    text = """<capabilities><host><cpu><arch>x86_64</arch></cpu>
    <secmodel><model>dac</model></secmodel></host><guest><os_type>{0}</os_type><arch name='x86_64'>
    <domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>"""
    assert guests(text.format("hvm")) == Guests("kvm", "x86_64", has_dac=True)
    assert guests(text.format("exe")) is None


DENIED = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no")
BARE = failure(libvirt.VIR_ERR_NO_DOMAIN_METADATA)


class _Daemon(ConsoleDaemon):
    """One domain of ours beside others; what is asked about the others is asked in vain."""

    def __init__(self, metadata: Any) -> None:
        text = f"<probe tag='tag' probe='boot' run='57a7' deadline='{MARK.deadline:.0f}'/>"
        super().__init__(
            FakeDomain("1", "stratoscope-57a7", calls={"metadata": text}),
            FakeDomain("2", "stratoscope-gone", calls={"metadata": metadata}),
            FakeDomain("3", "instance-3"),
        )


@pytest.mark.parametrize("metadata", [failure(libvirt.VIR_ERR_NO_DOMAIN), BARE], ids=["gone", "bare"])
async def test_domains_without_our_mark_are_not_ours_whatever_becomes_of_them(metadata: Exception) -> None:
    cloud = WritableCloud(LibvirtCloud(name="lab", host="node1"), _Daemon(metadata).connect)
    assert [one.id for one in (await vms(cloud).owned("tag")).objects] == ["1"]
    await cloud.close()


async def test_domains_whose_marks_cannot_be_read_are_no_answer() -> None:
    cloud = WritableCloud(LibvirtCloud(name="lab", host="node1"), _Daemon(DENIED).connect)
    with pytest.raises(StepError) as error:
        await vms(cloud).owned("tag")
    assert error.value.reason is RunReason.POLICY
    await cloud.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(failure(libvirt.VIR_ERR_NO_SUPPORT), None), (DENIED, RunReason.POLICY)],
    ids=["driver", "right"],
)
async def test_memory_that_the_driver_does_not_tell_is_enough(
    error: Exception, reason: RunReason | None
) -> None:
    daemon = ConsoleDaemon()
    daemon.broken["getMemoryStats"] = error
    cloud = WritableCloud(LibvirtCloud(name="lab", host="node1"), daemon.connect)
    with nullcontext() if reason is None else pytest.raises(StepError) as raised:
        await vms(cloud).check_quota(Resolved("", None))
    assert reason is None or raised.value.reason is reason
    await cloud.close()


async def test_host_without_full_virtualisation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_console, "CAPABILITIES", "<capabilities/>")
    cloud = WritableCloud(LibvirtCloud(name="lab", host="node1"), ConsoleDaemon().connect)
    assert await misconfigured(vms(cloud)) == "uri: the host has no domains of type hvm"
    await cloud.close()


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"initrd": "/i"}, "initrd: nothing would load it"),
        ({"disk": "d"}, "disk: d is relative; allowed: an absolute path"),
        ({"memory": 1}, "x.memory: "),
    ],
)
def test_mistake_in_a_description_is_named(described: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(Description, described, "x")


def test_uri_that_is_not_the_entrys_is_named() -> None:
    entry = LibvirtCloud(name="lab", uri=["qemu:///system", "lxc:///system"])
    assert KIND.credential(entry, "lxc:///system").uris == ["lxc:///system"]
    with pytest.raises(ConfigError, match="uri: "):
        KIND.credential(entry, "qemu:///session")
