"""Optional steps on real libvirt: a domain's console is read, it answers; what goes wrong is said."""

import asyncio
import os
import re
import secrets
import signal
import stat
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from guests import host

from integration.probing import FAILED, RUNS, SUCCESS, ours, probing, run_now, value
from integration.virsh import URI, pid_of, stopped, virsh, wait_for
from stratoscope.clouds.abilities import Step
from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.lifecycle import capabilities
from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.domain import BOOT_SECTOR, MARKER
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.steps import console_log
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.lifecycle import Mark, Object, Phase, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.clouds.steps.reachable import Reachable, Reaching

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LIBVIRTD = Path("/run/libvirtd.pid")
ALLOWED_TO_ECHO = Path("/proc/sys/net/ipv4/ping_group_range")
LINUX = {"kernel": str(host.FOLDER / "vmlinuz"), "initrd": str(host.FOLDER / "initrd"), "memory": 128}
UP = "the VM of a probe is up"
DHCP = """<network><name>strato-dhcp</name><bridge name='virbr-dhcp'/><ip address='10.79.0.1' prefix='24'>
<dhcp><range start='10.79.0.10' end='10.79.0.200'/></dhcp></ip></network>"""
OTHER_KEY = b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
HOST_SUCCESS = "stratoscope_vmprobe_host_success"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What a test that fails leaves, the next one would take for its own."""
    yield
    for name in ours():
        virsh("destroy", name)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[str]:
    """A network of libvirt's with a DHCP server."""
    definition = tmp_path / "network.xml"
    definition.write_text(DHCP)
    virsh("net-create", str(definition))
    yield "strato-dhcp"
    virsh("net-destroy", "strato-dhcp")


@pytest.fixture
def _emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the guests of libvirt-up: Linux does not boot by every KVM that is nested in another."""
    monkeypatch.setattr(capabilities, "_FASTEST_FIRST", ("qemu",))


@pytest.fixture
def _may_echo() -> Iterator[None]:
    before = ALLOWED_TO_ECHO.read_text()
    ALLOWED_TO_ECHO.write_text(f"{os.getegid()} {os.getegid()}")
    yield
    ALLOWED_TO_ECHO.write_text(before)


def daemon() -> int:
    return int(LIBVIRTD.read_text())


def allow_echo(groups: str) -> None:
    ALLOWED_TO_ECHO.write_text(groups)


@asynccontextmanager
async def living(**described: Any) -> AsyncIterator[LibvirtVMs]:
    cloud = WritableCloud(LibvirtCloud(name="lab", uri=URI))
    try:
        yield LibvirtVMs(cloud, Description(**described))
    finally:
        await cloud.close()


async def requested(lifecycle: LibvirtVMs) -> Underway:
    mark = Mark("integration", "steps", secrets.token_hex(8), 1_800_000_000.0)
    resolved = await lifecycle.resolve()
    return Underway(mark, resolved, await lifecycle.request(Underway(mark, resolved)))


async def running(lifecycle: LibvirtVMs, run: Underway, within_s: float = 120) -> Underway:
    """Once the domain runs, with an address if it is to have one."""
    async with asyncio.timeout(within_s):
        while True:
            seen = await lifecycle.see(run.vm_id)
            assert seen is not None
            assert seen.fault is None
            if seen.is_built and seen.is_networked:
                return Underway(run.mark, run.resolved, run.vm_id, seen)
            await asyncio.sleep(0.1)


async def until(is_so: Callable[[], Awaitable[bool]], within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while not await is_so():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)


async def ended(step: Step, run: Underway, within_s: float = 60) -> None:
    await step.begin(run)
    await until(partial(step.has_ended, run), within_s)


async def is_gone(lifecycle: LibvirtVMs, run: Underway) -> bool:
    return await lifecycle.see(run.vm_id) is None


async def removed(lifecycle: LibvirtVMs, run: Underway) -> None:
    await lifecycle.delete(Object("domain", run.vm_id))
    await until(partial(is_gone, lifecycle, run))
    assert await lifecycle.left(run.vm_id) == ()
    assert ours() == []


async def test_marker_of_the_boot_sector_is_seen_and_the_domain_is_gone() -> None:
    async with living(console=MARKER.decode()) as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        (step,) = lifecycle.steps
        await ended(step, run)
        virsh("dumpxml", run.mark.name)
        await removed(lifecycle, run)


async def test_console_is_free_for_others_once_the_text_was_seen() -> None:
    async with living(console=MARKER.decode()) as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        await ended(lifecycle.steps[0], run)
        virsh("suspend", run.mark.name)  # a console is opened with a domain that is resumed
        other = Console(run.vm_id, MARKER.decode(), URI)
        await lifecycle._own.resume(other)
        assert other.fault is None

        async def has_text() -> bool:
            return other.has_text

        await until(has_text)
        await removed(lifecycle, run)


async def test_text_that_is_never_written_is_not_seen() -> None:
    async with living(console="login:") as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        for _ in range(10):
            assert not await lifecycle.steps[0].has_ended(run)
            await asyncio.sleep(0.1)
        await removed(lifecycle, run)


async def test_qemu_that_dies_ends_the_console_and_the_domain_is_gone() -> None:
    async with living(console="login:") as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        os.kill(pid_of(run.mark.name), signal.SIGKILL)
        with pytest.raises(StepError) as error:
            await ended(lifecycle.steps[0], run)
        assert error.value.reason is RunReason.HYPERVISOR
        await until(partial(is_gone, lifecycle, run))
        await removed(lifecycle, run)


@pytest.mark.full
async def test_daemon_that_hangs_is_named_by_the_console() -> None:
    async with living(console="login:") as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        with stopped(daemon()), pytest.raises(StepError) as error:
            await ended(lifecycle.steps[0], run)
        assert error.value.reason is RunReason.API_UNREACHABLE, str(error.value)
        await removed(lifecycle, run)


@pytest.mark.full
async def test_daemon_that_is_killed_is_named_by_the_console() -> None:
    async with living(console="login:") as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        os.kill(daemon(), signal.SIGKILL)
        try:
            with pytest.raises(StepError) as error:
                await ended(lifecycle.steps[0], run)
        finally:
            host.start_daemon()
        assert error.value.reason is RunReason.API_UNREACHABLE, str(error.value)
        await removed(lifecycle, run)


@pytest.mark.full
@pytest.mark.usefixtures("_may_echo", "_emulated")
async def test_linux_guest_writes_from_its_first_line_on_and_is_reachable(network: str) -> None:
    reachable = Reachable(tcp=22, banner="SSH-2.0-guest")
    async with living(**LINUX, network=network, reachable=reachable, console="Linux version") as lifecycle:
        assert [step.phase for step in lifecycle.steps] == [Phase.REACHABLE, Phase.CONSOLE]
        run = await running(lifecycle, await requested(lifecycle))
        assert isinstance(run.seen, Seen)
        assert run.seen.addresses[0].startswith("10.79.0.")
        answers, writes = lifecycle.steps
        await ended(answers, run)
        await ended(Reaching(Reachable(icmp=True)), run)
        assert await writes.has_ended(run), "it was written long ago"
        assert not await Reaching(Reachable(tcp=23)).has_ended(run)
        assert not await Reaching(Reachable(tcp=22, banner="HTTP")).has_ended(run)
        await removed(lifecycle, run)


@pytest.mark.full
@pytest.mark.usefixtures("_emulated")
async def test_ssh_server_of_a_linux_guest_shows_the_key_that_the_console_has(network: str) -> None:
    async with living(**LINUX, network=network, reachable=Reachable(ssh=2222), console=UP) as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        answers, writes = lifecycle.steps
        await ended(answers, run)
        written = await console_log(lifecycle._cloud, run.vm_id)
        assert "Linux version" in written, "the log has its beginning"
        await other_key_is_told(run, written)
        await ended(writes, run)
        await removed(lifecycle, run)


async def other_key_is_told(run: Underway, written: str) -> None:
    """Another VM's console: as if that one had this one's address."""

    async def console_log(_: str) -> str:
        return re.sub(r"ssh-ed25519 \S+", f"ssh-ed25519 {OTHER_KEY}", written)

    with pytest.raises(StepError, match="is not the VM: its SSH host key") as error:
        await Reaching(Reachable(ssh=2222), console_log=console_log).has_ended(run)
    assert error.value.reason is RunReason.NETWORK


@pytest.mark.full
@pytest.mark.usefixtures("_emulated")
async def test_linux_guest_without_a_network_boots_and_writes_its_last_line() -> None:
    async with living(**LINUX, console=UP) as lifecycle:
        run = await running(lifecycle, await requested(lifecycle))
        await ended(lifecycle.steps[0], run, 120)
        await removed(lifecycle, run)


@pytest.mark.usefixtures("_may_echo")
async def test_echo_is_answered_where_the_kernel_allows_it_and_else_its_setting_is_named() -> None:
    mark, echo = Mark("integration", "steps", "57a7", 0), Reaching(Reachable(icmp=True))
    ipv4, ipv6 = (
        Underway(mark, Resolved("", None), "vm", Seen("running", addresses=[address]))
        for address in ("127.0.0.1", "::1")
    )
    assert await echo.has_ended(ipv4)
    assert await echo.has_ended(ipv6)
    allow_echo("1 0")
    with pytest.raises(StepError, match="ping_group_range has no group") as error:
        await echo.has_ended(ipv4)
    assert error.value.reason is RunReason.PROBE_MISCONFIGURED


async def test_kernel_that_is_none_is_refused_and_no_domain_is_left() -> None:
    kernel = host.FOLDER / "no-kernel"
    kernel.write_bytes(b"none\n" * 1000)
    try:
        async with living(kernel=str(kernel)) as lifecycle:
            with pytest.raises(StepError) as error:
                await requested(lifecycle)
    finally:
        kernel.unlink()
    assert (error.value.reason, error.value.is_unknown) == (RunReason.IMAGE, False), str(error.value)
    assert ours() == []


async def test_network_that_is_not_active_is_named(tmp_path: Path) -> None:
    definition = tmp_path / "network.xml"
    definition.write_text("<network><name>strato-down</name><bridge name='virbr-down'/></network>")
    virsh("net-define", str(definition))
    try:
        async with living(network="strato-down") as lifecycle:
            with pytest.raises(StepError, match=r"'strato-down' of .* is not active") as error:
                await requested(lifecycle)
    finally:
        virsh("net-undefine", "strato-down")
    assert error.value.reason is RunReason.NETWORK


@pytest.mark.full
def test_daemon_that_hangs_is_named_while_the_exporter_answers_and_nothing_is_left(tmp_path: Path) -> None:
    timeouts = {"authenticate": "3s", "resolve": "3s", "request": "3s"}
    with probing(tmp_path, timeouts=timeouts) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        with stopped(daemon()):
            run_now(exporter)
            timed_out = 'phase="authenticate",reason="timeout"'
            wait_for(lambda: value(exporter.get(timeout_s=5), FAILED, timed_out) == 1, 60)
        run_now(exporter)
        wait_for(lambda: value(exporter.get(), SUCCESS) == 1, 60)
        assert ours() == []


@pytest.mark.full
def test_daemon_that_hangs_while_the_domain_is_there_leaves_nothing_once_it_goes_on(tmp_path: Path) -> None:
    short = ("request", "scheduled", "networked", "built", "deleted", "gone")
    with probing(tmp_path, timeouts=dict.fromkeys(short, "3s")) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        run_now(exporter)
        wait_for(ours, 60)
        with stopped(daemon()):
            wait_for(lambda: value(exporter.get(timeout_s=5), FAILED) >= 1, 60)
        wait_for(lambda: not ours(), 100)
        run_now(exporter)
        wait_for(lambda: value(exporter.get(), SUCCESS) == 1, 60)


def _relay(folder: Path) -> Path:
    """What libvirt's transport `ext` starts: a way to this machine's daemon under another host's name."""
    file = folder / "relay"
    file.write_text(f"""#!{sys.executable}
import os, socket, threading
daemon = socket.socket(socket.AF_UNIX)
daemon.connect("/run/libvirt/libvirt-sock")
def up():
    while part := os.read(0, 65536):
        daemon.sendall(part)
    os._exit(0)
threading.Thread(target=up, daemon=True).start()
while part := daemon.recv(65536):
    while part:
        part = part[os.write(1, part):]
""")
    file.chmod(stat.S_IRWXU)
    return file


@pytest.mark.full
def test_two_hosts_take_turns(tmp_path: Path) -> None:
    disk = host.FOLDER / "boot_sector.img"
    disk.write_bytes(Path(BOOT_SECTOR).read_bytes())
    relay = _relay(tmp_path)
    uris = [f"qemu+ext://{name}/system?command={relay}" for name in ("one", "two")]
    try:
        with probing(tmp_path, uri=uris, disk=str(disk), host_rotation={}) as exporter:
            for number in (1, 2, 3):
                wait_for(lambda: value(exporter.get(), RUNS) >= number, 60)  # noqa: B023 - called at once
                run_now(exporter)
            wait_for(lambda: value(exporter.get(), RUNS) >= 4, 60)
            page = exporter.get()
    finally:
        disk.unlink()
    assert [value(page, HOST_SUCCESS, f'host="{name}"') for name in ("one", "two")] == [1, 1]
    assert value(page, FAILED) == 0
    assert ours() == []
