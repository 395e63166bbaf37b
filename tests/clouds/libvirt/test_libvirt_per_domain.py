"""Drivers without bulk statistics, call by call: the real test driver, a recorded container, and trouble."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from stratoscope.clouds.libvirt import devices as devices_module
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.devices import READ_ANEW_AFTER_S, Devices, Reader
from stratoscope.clouds.libvirt.per_domain import read
from stratoscope.clouds.libvirt.stats import domain
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.source import Clock

ALL = frozenset({"state", "balloon", "block", "cpu", "vcpu", "interface"})
CONTAINER = json.loads((Path(__file__).parents[2] / "fixtures" / "libvirt" / "container.json").read_text())
NODE = """<node>
<domain type='test'><name>web</name><uuid>10000000-0000-4000-8000-000000000001</uuid><memory>131072</memory>
<vcpu>2</vcpu><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><source file='/a'/><target dev='vda'/></disk>
<interface type='network'><source network='default'/><target dev='tap0'/></interface>
<memballoon model='virtio'/></devices></domain>
<domain type='test'><name>off</name><uuid>10000000-0000-4000-8000-000000000002</uuid><memory>131072</memory>
<vcpu>1</vcpu><os><type>hvm</type></os></domain>
<network><name>default</name><bridge name='virbr0'/></network></node>"""


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Connection]:
    """libvirt's test driver with one domain that runs and one that is off."""
    file = tmp_path / "node.xml"
    file.write_text(NODE)
    virt = libvirt.open(f"test://{file}")
    virt.lookupByName("off").destroy()
    connection = Connection(virt)
    yield connection
    connection.close()


def fake(*domains: FakeDomain) -> tuple[FakeDaemon, Connection]:
    daemon = FakeDaemon(*domains, driver="LXC")
    return daemon, daemon.connect("")


def container(**calls: Any) -> FakeDomain:
    errors = {name: failure(code) for name, code in CONTAINER["errors"].items()}
    return FakeDomain(
        CONTAINER["uuid"],
        CONTAINER["name"],
        CONTAINER["domain_id"],
        calls={**CONTAINER["returned"], **errors, **calls},
    )


def plain(uuid: str, **calls: Any) -> FakeDomain:
    """A domain whose driver has nothing but its state."""
    return FakeDomain(uuid, calls={"state": [1, 1], **dict.fromkeys(_CALLS, failure(8)), **calls})


_CALLS = ("info", "getCPUStats", "vcpus", "memoryStats", "blockStats", "blockInfo", "interfaceStats")
_WITH_DISK = "<domain><devices><disk><target dev='vda'/></disk><disk/></devices></domain>"
_WITH_TAP = "<domain><devices><interface><target dev='tap1'/></interface></devices></domain>"


def test_the_test_driver_gives_every_group(real: Connection) -> None:
    found, failed = read(real, ALL, Devices(), 5)
    assert failed == 0
    running, off = sorted(found, key=lambda one: one[1], reverse=True)
    assert (running[1], running[2], off[1], off[2]) == ("web", 1, "off", -1)
    one = domain(*running)
    assert (one.state, one.current_vcpus) == ("running", 2)
    assert [vcpu.number for vcpu in one.vcpus] == [0, 1]
    assert one.cpu_s is not None
    assert one.user_s is not None
    assert one.balloon.maximum == 131072 * 1024
    assert one.balloon.rss is not None
    assert [(disk.name, disk.read_bytes is not None, disk.capacity is not None) for disk in one.disks] == [
        ("vda", True, True)
    ]
    assert [(tap.name, tap.rx_bytes is not None) for tap in one.interfaces] == [("tap0", True)]


def test_a_domain_that_is_off_has_no_values_of_one_that_runs(real: Connection) -> None:
    found, _ = read(real, ALL, Devices(), 5)
    (off,) = [one for one in found if one[1] == "off"]
    assert off[3].keys() == {"state.state", "state.reason"}
    assert domain(*off).cpu_s is None


def test_only_the_groups_that_are_wanted_are_read(real: Connection) -> None:
    found, _ = read(real, frozenset({"state"}), Devices(), 5)
    assert {key for one in found for key in one[3]} == {"state.state", "state.reason"}
    found, _ = read(real, frozenset({"state", "interface"}), Devices(), 5)
    assert not any("block.count" in one[3] or "balloon.current" in one[3] for one in found)


def test_a_container_gives_what_its_driver_has() -> None:
    _, connection = fake(container())
    ((uuid, name, domain_id, stats),), failed = read(connection, ALL, Devices(), 5)
    assert (uuid, name, domain_id, failed) == (CONTAINER["uuid"], "ct-1", 31846, 0)
    one = domain(uuid, name, domain_id, stats)
    assert (one.state, one.cpu_s, one.user_s, one.system_s) == ("running", 0.053188632, 0.01, 0.03)
    assert (one.balloon.maximum, one.balloon.rss) == (65536 << 10, 808 << 10)
    assert one.balloon.swap_in is None, "LXC has something else under this name"
    assert (one.current_vcpus, one.vcpus, one.disks, one.interfaces) == (1, (), (), ())


def test_a_call_that_the_driver_lacks_is_made_once() -> None:
    daemon, connection = fake(*(plain(uuid, vcpus=failure(libvirt.VIR_ERR_NO_SUPPORT)) for uuid in "abc"))
    for _ in range(2):
        read(connection, ALL, Devices(), 5)
    assert daemon.made.count("vcpus") == 1
    assert daemon.made.count("info") == 6, "another error may be this domain's own"


def test_a_disk_that_was_unplugged_meanwhile_costs_its_own_values() -> None:
    a = plain("a", info=[1, 2048, 1024, 1, 5], blockInfo=[3, 2, 1])
    a.xml = _WITH_DISK
    _, connection = fake(a)
    ((_, _, _, stats),), failed = read(connection, ALL, Devices(), 5)
    assert failed == 0
    assert {key: value for key, value in stats.items() if key.startswith("block.")} == {
        "block.count": 1,
        "block.0.name": "vda",
        "block.0.capacity": 3,
        "block.0.allocation": 2,
        "block.0.physical": 1,
    }


def test_what_libvirt_does_not_know_is_left_out() -> None:
    a = plain("a", interfaceStats=(5, -1, 0, -1, 6, 7, -1, 8))
    a.xml = _WITH_TAP
    _, connection = fake(a)
    ((_, _, _, stats),), _ = read(connection, ALL, Devices(), 5)
    assert {key: value for key, value in stats.items() if key.startswith("net.0.")} == {
        "net.0.name": "tap1",
        "net.0.rx.bytes": 5,
        "net.0.rx.errs": 0,
        "net.0.tx.bytes": 6,
        "net.0.tx.pkts": 7,
        "net.0.tx.drop": 8,
    }


def test_a_vcpu_that_is_offline_has_no_time() -> None:
    vcpus = ([(0, 1, 10, 0), (1, libvirt.VIR_VCPU_OFFLINE, 0, -1), (2, 2, 30, 0)], [])
    _, connection = fake(plain("a", vcpus=vcpus))
    ((_, _, _, stats),), _ = read(connection, ALL, Devices(), 5)
    assert (stats["vcpu.0.time"], stats["vcpu.2.time"], stats["vcpu.maximum"]) == (10, 30, 3)
    assert "vcpu.1.time" not in stats


def test_a_domain_that_goes_away_while_others_are_read_costs_itself() -> None:
    _, connection = fake(plain("a"), plain("b", state=failure(libvirt.VIR_ERR_NO_DOMAIN)))
    found, failed = read(connection, ALL, Devices(), 5)
    assert ([one[0] for one in found], failed) == (["a"], 0)


def test_a_domain_that_cannot_be_read_is_counted_and_costs_itself() -> None:
    _, connection = fake(plain("a"), plain("b", state=failure(libvirt.VIR_ERR_INTERNAL_ERROR)))
    found, failed = read(connection, ALL, Devices(), 5)
    assert ([one[0] for one in found], failed) == (["a"], 1)


def test_if_none_can_be_read_it_is_an_error() -> None:
    _, connection = fake(plain("a", state=failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")))
    with pytest.raises(libvirt.libvirtError, match="no right"):
        read(connection, ALL, Devices(), 5)


def test_a_call_that_nobody_may_make_is_an_error() -> None:
    _, connection = fake(plain("a", info=failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")))
    with pytest.raises(libvirt.libvirtError, match="no right"):
        read(connection, ALL, Devices(), 5)


@pytest.mark.parametrize("call", ["state", "info"])
def test_a_daemon_that_dies_is_an_error_however_many_were_read(call: str) -> None:
    daemon, connection = fake(plain("a"), plain("b"))

    def lost() -> None:
        daemon.die()
        raise failure(libvirt.VIR_ERR_RPC, "lost")

    daemon.domains["b"].calls[call] = lost
    with pytest.raises(libvirt.libvirtError, match="lost"):
        read(connection, ALL, Devices(), 5)


def test_when_the_time_is_over_the_rest_has_its_state_alone() -> None:
    _, connection = fake(container())
    ((_, _, _, stats),), _ = read(connection, ALL, Devices(), -1)
    assert stats == {"state.state": 1, "state.reason": 1}


class Named:
    """The device names of one domain, and how often its definition was read."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.devices = Devices(self.clock)
        self.domain = FakeDomain("a", xml=_WITH_DISK)
        self.daemon, self.connection = fake(self.domain)

    def disks(self, domain_id: int = 1) -> tuple[str, ...] | None:
        reader = Reader(self.connection, self.connection.domain("a"))
        names = self.devices.of(reader, "a", domain_id)
        return None if names is None else names.disks

    @property
    def times_read(self) -> int:
        return self.daemon.made.count("XMLDesc")


def test_device_names_are_read_once() -> None:
    named = Named()
    assert [named.disks() for _ in range(3)] == [("vda",)] * 3
    assert named.times_read == 1


def test_device_names_are_read_anew_after_a_start_a_change_or_a_while() -> None:
    named = Named()
    named.disks()
    named.disks(domain_id=2)
    assert named.times_read == 2
    named.devices.forget("a")
    named.disks(domain_id=2)
    assert named.times_read == 3
    named.clock.time_s += 2 * READ_ANEW_AFTER_S
    named.disks(domain_id=2)
    assert named.times_read == 4


def test_a_change_while_the_names_are_read_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    named = Named()
    parsed = devices_module._names

    def changed_meanwhile(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        named.devices.forget("a")
        return parsed(text)

    monkeypatch.setattr(devices_module, "_names", changed_meanwhile)
    assert named.disks() == ("vda",)
    monkeypatch.undo()
    named.disks()
    assert named.times_read == 2


class Forgetting:
    """Holds no domain; another one changes at the moment at which it is asked for one."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    def __contains__(self, uuid: object) -> bool:
        self._devices.forget("other")
        return False


def test_a_change_while_what_is_gone_is_forgotten_breaks_nothing() -> None:
    named = Named()
    other = FakeDomain("other", xml=_WITH_DISK)
    named.daemon.domains["other"] = other
    named.disks()
    named.devices.of(Reader(named.connection, named.connection.domain("other")), "other", 1)
    named.devices.keep(Forgetting(named.devices))
    assert named.devices._known == {}


def test_names_that_cannot_be_read_or_make_no_sense_are_none() -> None:
    named = Named()
    named.domain.calls["XMLDesc"] = failure(libvirt.VIR_ERR_OPERATION_INVALID)
    assert named.disks() is None
    named = Named()
    named.domain.xml = "<domain"
    assert named.disks() is None


def test_names_of_what_is_gone_are_forgotten() -> None:
    named = Named()
    named.disks()
    named.devices.keep({"b"})
    assert named.devices._known == {}
