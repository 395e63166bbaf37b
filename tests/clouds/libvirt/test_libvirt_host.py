"""One URI as collectors use it: real test driver, fake QEMU, and what becomes of it in trouble."""

import asyncio
import errno
import gc
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import libvirt
import pytest

from stratoscope.clouds.libvirt import host as module
from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.devices import Reader
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.libvirt.mirrors import MOST_UNDER_WAY
from stratoscope.clouds.libvirt.model import BlockJob, DiskFacts, DiskSizes
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.fake_libvirt import FakeDaemon, FakeDomain, FakeObject, failure
from support.patience import FAR_S
from support.source import until

ALL = frozenset({"balloon", "block", "cpu", "vcpu"})
MONITOR = frozenset({"balloon", "block"})


def host(uri: str, daemon: FakeDaemon | None = None) -> LibvirtHost:
    """A host, in a collection that has five seconds."""
    DEADLINE.set(time.monotonic() + 5)
    cloud = LibvirtCloud("uni", uri=uri)
    return LibvirtHost(cloud, uri, connect=daemon.connect) if daemon is not None else LibvirtHost(cloud, uri)


class Lab:
    """A host with a fake QEMU daemon of three domains, the third of them off."""

    def __init__(self) -> None:
        self.daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b", "one-7", 2), FakeDomain("c", domain_id=-1))
        self.host = host("qemu:///system?fake", self.daemon)

    async def shown(self) -> set[str]:
        """The domains whose identities are known after a collection."""
        found, _ = await self.host.identities((await self.host.listing(MONITOR)).domains)
        return set(found)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    yield lab
    lab.daemon.answers.set()
    for domain in lab.daemon.domains.values():
        domain.answers.set()
    await lab.host.close()
    await until(lambda: lab.daemon.open == [])


async def test_a_bulk_driver_is_listed_without_monitors(lab: Lab) -> None:
    listing = await lab.host.listing(ALL)
    assert [(one.uuid, one.name, one.domain_id) for one in listing.domains] == [
        ("a", "instance-a", 1),
        ("b", "one-7", 2),
        ("c", "instance-c", -1),
    ]
    assert not listing.complete
    assert listing.failed == 0
    assert lab.daemon.asked == []
    assert lab.host.vm_ids == {"a": "a", "b": "7", "c": "c"}


async def test_monitors_are_asked_for_what_is_wanted(lab: Lab) -> None:
    await lab.host.listing(ALL)
    answers = await lab.host.ask({"a": MONITOR, "b": MONITOR})
    assert answers.keys() == {"a", "b"}
    assert lab.host.monitors.state("a").blocked_s == 0


async def test_a_daemon_that_is_down_is_unavailable_and_comes_back(lab: Lab) -> None:
    await lab.host.listing(ALL)
    lab.daemon.die()
    with pytest.raises(CollectError) as error:
        await lab.host.listing(ALL)
    assert error.value.reason is Reason.UNAVAILABLE
    told = await lab.host.daemon()
    assert (told.reachable, told.round_trip_s) == (False, None)
    assert not await lab.host.hears_events()
    lab.daemon.is_up = True
    assert len((await lab.host.listing(ALL)).domains) == 3
    assert await lab.host.hears_events()
    assert (await lab.host.daemon()).hypervisor_version == "7.2.22"


async def test_version_of_the_hypervisor_is_asked_once_an_hour_and_after_a_gap_in_the_events(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.host.listing(ALL)
    for _ in range(3):
        assert (await lab.host.daemon()).hypervisor_version == "7.2.22"
    assert lab.daemon.made.count("getVersion") == 1
    lab.daemon.die()
    lab.daemon.is_up = True
    await lab.host.listing(ALL)
    for _ in range(2):
        assert (await lab.host.daemon()).hypervisor_version == "7.2.22"
    assert lab.daemon.made.count("getVersion") == 2
    monkeypatch.setattr(lab.host, "_version_until", time.monotonic() - 1)  # an hour is over
    await lab.host.daemon()
    assert lab.daemon.made.count("getVersion") == 3
    assert lab.host._version_until > time.monotonic() + 3000


async def test_version_that_takes_long_makes_no_daemon_unreachable_and_is_learnt_when_it_comes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    def slow(_: object) -> str:
        assert told.wait(FAR_S)
        return "7.2.22"

    # As where libvirt starts QEMU to tell it: the fake daemon answers at once.
    monkeypatch.setattr("stratoscope.clouds.libvirt.daemon.version", slow)
    DEADLINE.set(time.monotonic() + 0.9)
    answer = await lab.host.daemon()
    assert (answer.reachable, answer.hypervisor_version) == (True, None)
    told.set()
    await until(lambda: lab.host._version == "7.2.22")
    DEADLINE.set(time.monotonic() + 5)
    assert (await lab.host.daemon()).hypervisor_version == "7.2.22"


async def test_version_that_is_not_told_this_time_is_the_one_from_before(lab: Lab) -> None:
    await lab.host.daemon()
    lab.host._version_until = 0.0
    lab.daemon.broken["getVersion"] = OSError("short of something")
    with pytest.raises(OSError, match="short"):
        await lab.host.daemon()


async def test_events_of_a_domain_that_starts_while_it_is_listed_are_not_lost(lab: Lab) -> None:
    await lab.host.listing(ALL)
    lab.daemon.answers.clear()
    listing = asyncio.create_task(lab.host.listing(ALL))
    await until(lambda: lab.daemon.made[-1] == "getAllDomainStats")
    lab.host.events.count("new", 9, "started", "booted")
    lab.daemon.answers.set()
    assert "new" not in {one.uuid for one in (await listing).domains}
    lab.daemon.domains["new"] = FakeDomain("new", domain_id=9)
    await lab.host.listing(ALL)
    assert lab.host.events.by_domain["new"]["started", "booted"] == 1


async def test_a_daemon_that_hangs_costs_one_thread_per_kind_of_call(lab: Lab) -> None:
    await lab.host.listing(ALL)
    lab.daemon.answers.clear()
    for _ in range(3):
        DEADLINE.set(time.monotonic() + 0.05)
        with pytest.raises(CollectError) as error:
            await lab.host.listing(ALL)
        assert error.value.reason is Reason.TIMEOUT
    await until(lambda: lab.daemon.made.count("getAllDomainStats") == 2)


async def test_identities_are_read_anew_after_an_event(lab: Lab) -> None:
    assert await lab.shown() == {"a", "b", "c"}
    lab.daemon.made.clear()
    await lab.shown()
    assert "XMLDesc" not in lab.daemon.made
    (events,) = [virt for virt in lab.daemon.open if virt.callbacks]
    events.emit(libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE, "a", {})
    await until(lambda: lab.host.events.by_event["tunable", ""] == 1)
    await lab.shown()
    assert lab.daemon.made.count("XMLDesc") == 1


async def test_event_that_changes_a_domain_forgets_the_names_of_its_devices(lab: Lab) -> None:
    connection = lab.daemon.connect("")
    one = FakeObject(lab.daemon.open[0], {"XMLDesc": "<a/>"})
    reader = Reader(connection, cast("libvirt.virDomain", one))
    lab.host._devices.of(reader, "a", 1)
    lab.host._devices.of(reader, "a", 1)
    assert lab.daemon.made.count("XMLDesc") == 1
    lab.host.events.count("a", 1, "device_added", "")
    lab.host._devices.of(reader, "a", 1)
    assert lab.daemon.made.count("XMLDesc") == 2
    connection.close()


async def test_after_a_gap_in_the_events_identities_are_read_anew(lab: Lab) -> None:
    await lab.shown()
    lab.daemon.die()
    lab.daemon.is_up = True
    lab.daemon.made.clear()
    await lab.shown()
    assert lab.daemon.made.count("XMLDesc") == 3


async def test_identities_that_cannot_be_read_cost_no_collection(lab: Lab) -> None:
    listing = await lab.host.listing(MONITOR)
    lab.daemon.broken["XMLDesc"] = failure(libvirt.VIR_ERR_ACCESS_DENIED)
    assert await lab.host.identities(listing.domains) == ({}, 0)


async def test_a_definition_that_makes_no_sense_is_counted(lab: Lab) -> None:
    lab.daemon.domains["a"].xml = "<domain"
    listing = await lab.host.listing(MONITOR)
    found, malformed = await lab.host.identities(listing.domains)
    assert (found.keys(), malformed) == ({"b", "c"}, 1)


async def test_background_questions_are_asked(lab: Lab) -> None:
    for domain in lab.daemon.domains.values():
        domain.calls["jobStats"] = {"type": 0}
    assert await lab.host.pools() == []
    assert await lab.host.networks() == []
    assert await lab.host.jobs() == []
    assert (await lab.host.node()).cpus == 2
    assert (await lab.host.halt_poll()).keys() == {"a", "b"}
    lab.daemon.broken["getAllDomainStats"] = failure(libvirt.VIR_ERR_NO_SUPPORT)
    assert await lab.host.halt_poll() == {}
    lab.daemon.broken["getAllDomainStats"] = failure(libvirt.VIR_ERR_ACCESS_DENIED)
    with pytest.raises(CollectError):
        await lab.host.halt_poll()


def mirrored(uuid: str, domain_id: int, job: object = "copy") -> FakeDomain:
    """A domain with two disks, the first of them mirrored."""
    disks = """<disk><target dev='vda'/><mirror job='copy'/></disk><disk><target dev='vdb'/></disk>"""
    xml = f"<domain><name>{uuid}</name><uuid>{uuid}</uuid><devices>{disks}</devices></domain>"
    told = {"type": 2, "bandwidth": 0, "cur": 40, "end": 100} if job == "copy" else job
    return FakeDomain(uuid, domain_id=domain_id, xml=xml, calls={"blockJobInfo": told})


async def test_mirrors_are_asked_for_where_the_definition_has_one(lab: Lab) -> None:
    lab.daemon.domains |= {"d": mirrored("d", 4), "e": mirrored("e", -1)}
    await lab.shown()
    assert await lab.host.mirrors() == [BlockJob("d", "vda", "copy", 100, 40, 0)]
    assert lab.daemon.made.count("blockJobInfo") == 1


async def test_other_block_jobs_are_asked_for_on_every_other_disk_of_active_domains(lab: Lab) -> None:
    pull = {"type": 1, "bandwidth": 5, "cur": 1, "end": 2}
    lab.daemon.domains |= {"d": mirrored("d", 4, pull), "e": mirrored("e", -1)}
    await lab.shown()
    assert await lab.host.block_jobs() == [BlockJob("d", "vdb", "pull", 2, 1, 5)]
    assert await lab.host.mirrors() == []


async def test_mirror_that_cannot_be_read_costs_its_domain_and_all_of_them_the_collection(lab: Lab) -> None:
    denied = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    lab.daemon.domains |= {"d": mirrored("d", 4), "e": mirrored("e", 5, denied)}
    await lab.shown()
    assert [job.uuid for job in await lab.host.mirrors()] == ["d"]
    del lab.daemon.domains["d"]
    await lab.shown()
    with pytest.raises(CollectError, match="no right"):
        await lab.host.mirrors()


async def test_disks_of_domains_that_are_off_have_sizes_where_they_are_on_this_machine(lab: Lab) -> None:
    lab.daemon.domains["c"].calls = {"blockInfo": [3, 1, 2]}
    disks = (DiskFacts("vda", source=__file__, source_type="file"),)
    assert await lab.host.off_disks({"c": disks}) == {"c": (DiskSizes("vda", 3, 1, 2),)}
    far = host("qemu+tls://node/system", lab.daemon)
    assert await far.off_disks({"c": disks}) == {}
    await far.close()


async def test_exporter_short_of_descriptors_says_nothing_of_the_daemon(lab: Lab) -> None:
    lab.daemon.broken["connect"] = OSError(errno.EMFILE, "too many")
    for ask in (lambda: lab.host.listing(MONITOR), lab.host.daemon, lab.host.pools):
        with pytest.raises(OSError, match="too many"):
            await ask()


async def test_events_of_domains_that_are_gone_are_forgotten(lab: Lab) -> None:
    await lab.host.listing(ALL)
    lab.host.events.count("a", 9, "reboot", "")
    del lab.daemon.domains["a"]
    await lab.host.listing(ALL)
    assert lab.host.events.by_domain == {}


async def test_a_driver_without_bulk_statistics_is_read_per_domain() -> None:
    one = host("test:///default")
    listing = await one.listing(ALL)
    assert listing.complete
    (listed,) = listing.domains
    assert listed.name == "test"
    assert {"state.state", "net.count", "block.count", "balloon.rss", "vcpu.0.time"} <= listed.stats.keys()
    identities, malformed = await one.identities(listing.domains)
    assert (identities[listed.uuid].name, malformed) == ("test", 0)
    assert [pool.name for pool in await one.pools()] == ["default-pool"]
    assert [network.name for network in await one.networks()] == ["default"]
    assert (await one.node()).cpus == 16
    told = await one.daemon()
    assert (told.reachable, told.hypervisor) == (True, "TEST")
    await one.close()


async def test_real_events_are_heard_and_make_definitions_be_read_anew() -> None:
    control = libvirt.open("test:///default")
    (domain,) = control.listAllDomains()
    one = host("test:///default")
    await one.listing(ALL)
    assert await one.hears_events()
    domain.suspend()
    domain.resume()
    await until(lambda: one.events.by_event["resumed", "unpaused"] == 1)
    assert one.events.by_domain[domain.UUIDString()]["suspended", "paused"] == 1
    await one.close()
    assert not await one.hears_events()
    control.close()


async def test_all_calls_and_events_of_a_driver_in_this_process_share_a_connection(tmp_path: Path) -> None:
    file = tmp_path / "node.xml"
    domain = "<domain type='test'><name>a</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    file.write_text(f"<node>{domain}</node>")
    one = host(f"test://{file}")
    await one.listing(ALL)
    await asyncio.gather(one.pools(), one.networks(), one.daemon(), one.jobs())
    file.unlink()
    assert len((await one.listing(ALL)).domains) == 1, "a second connection would need the file"
    assert await one.hears_events()
    await one.close()


def test_hosts_in_one_loop_after_another_hear_events_and_leave_nothing() -> None:
    async def hear() -> None:
        control = libvirt.open("test:///default")
        (domain,) = control.listAllDomains()
        one = host("test:///default")
        await one.listing(ALL)
        domain.suspend()
        domain.resume()
        await until(lambda: one.events.by_event["resumed", "unpaused"] == 1)
        await one.close()
        control.close()

    def left() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    asyncio.run(hear())
    time.sleep(0.1)  # the threads of a host end after its last call
    files, threads = left()
    for _ in range(5):
        asyncio.run(hear())
    give_up = time.monotonic() + FAR_S
    while True:
        files_then, threads_then = left()
        if (files_then <= files and threads_then <= threads) or time.monotonic() > give_up:
            break
        time.sleep(0.1)
    assert files_then <= files
    assert threads_then <= threads


async def test_close_ends_events_and_does_not_wait_for_calls_that_hang(lab: Lab) -> None:
    await lab.host.listing(ALL)
    lab.daemon.domains["a"].hang()
    DEADLINE.set(time.monotonic() + 0.5)
    await lab.host.ask({"a": MONITOR})
    assert lab.host.monitors.hung == 1
    async with asyncio.timeout(FAR_S):
        await lab.host.close()
    with pytest.raises(CollectError, match="closed"):
        await lab.host.listing(ALL)
    lab.daemon.domains["a"].answers.set()


def test_every_kind_of_call_may_hang_beside_the_monitors() -> None:
    kinds = {
        "list", "identities", "off_disks", "daemon", "version", "node", "pools", "networks", "jobs",
        "block_jobs", "halt_poll", "events",
    }  # fmt: skip
    assert len(kinds) + MOST_UNDER_WAY == module._OTHERS
