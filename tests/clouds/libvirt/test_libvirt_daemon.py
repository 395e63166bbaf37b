"""The daemon and its host, as the real test driver tells, and with what drivers lack."""

import libvirt
import pytest

from stratoscope.clouds.libvirt.connection import connect
from stratoscope.clouds.libvirt.daemon import answer, node, version
from stratoscope.clouds.libvirt.model import Node
from support.fake_libvirt import FakeDaemon, failure


def test_a_daemon_says_what_it_drives() -> None:
    connection = FakeDaemon().connect("")
    told = answer(connection)
    assert (told.hypervisor, version(connection), told.library) == ("QEMU", "7.2.22", "9.0.0")
    assert 0 <= told.round_trip_s < 60


def test_a_driver_without_a_version_has_none() -> None:
    daemon = FakeDaemon()
    daemon.broken["getVersion"] = failure(libvirt.VIR_ERR_NO_SUPPORT)
    assert version(daemon.connect("")) == ""


def test_version_of_a_daemon_that_is_gone_is_not_taken_for_none() -> None:
    daemon = FakeDaemon()
    connection = daemon.connect("")
    daemon.die()
    with pytest.raises(libvirt.libvirtError):
        version(connection)


def test_a_host_is_in_bytes_and_seconds_and_percentages_are_left_out() -> None:
    assert node(FakeDaemon().connect("")) == Node(
        2, 1, 9_792_000 << 10, 1 << 20, {"kernel": 1.5, "idle": 3.0}
    )


def test_what_a_driver_lacks_costs_itself_alone() -> None:
    daemon = FakeDaemon()
    daemon.broken["getMemoryStats"] = failure(libvirt.VIR_ERR_NO_SUPPORT)
    without = node(daemon.connect(""))
    assert (without.memory_bytes, without.memory_free_bytes) == (9562 << 20, None)
    assert without.cpu_s.keys() == {"kernel", "idle"}
    daemon.broken["getCPUStats"] = failure(libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
    assert node(daemon.connect("")).cpu_s == {}


def test_another_error_is_an_error() -> None:
    daemon = FakeDaemon()
    daemon.broken["getCPUStats"] = failure(libvirt.VIR_ERR_RPC, "lost")
    with pytest.raises(libvirt.libvirtError, match="lost"):
        node(daemon.connect(""))


def test_the_real_test_driver_answers() -> None:
    connection = connect("test:///default")
    told, host = answer(connection), node(connection)
    assert told.hypervisor == "TEST"
    assert told.library.count(".") == 2
    assert (host.cpus, host.numa_cells, host.memory_bytes) == (16, 2, 3 << 30)
    connection.close()
