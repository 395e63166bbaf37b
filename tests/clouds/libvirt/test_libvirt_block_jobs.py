"""Jobs on disks: which are read, and what one that fails costs."""

import libvirt
import pytest

from stratoscope.clouds.libvirt.block_jobs import read
from stratoscope.clouds.libvirt.model import BlockJob
from support.fake_libvirt import FakeDaemon, FakeDomain, failure

COPY = {"type": 2, "bandwidth": 1024, "cur": 40, "end": 100}


def doing(uuid: str, job: object) -> FakeDomain:
    return FakeDomain(uuid, calls={"blockJobInfo": job})


def test_jobs_are_told_in_libvirts_words_and_a_disk_without_one_is_passed_over() -> None:
    daemon = FakeDaemon(doing("a", COPY), doing("b", {}), doing("c", {**COPY, "type": 9}))
    assert read(daemon.connect(""), {"a": ["vda"], "b": ["vda"], "c": ["vdb"]}, 5) == [
        BlockJob("a", "vda", "copy", 100, 40, 1024),
        BlockJob("c", "vdb", "unknown_9", 100, 40, 1024),
    ]


def test_disk_that_fails_costs_itself() -> None:
    daemon = FakeDaemon(doing("a", failure(libvirt.VIR_ERR_OPERATION_FAILED)), doing("b", COPY))
    assert [job.uuid for job in read(daemon.connect(""), {"a": ["vda"], "b": ["vda"]}, 5)] == ["b"]


def test_domain_that_ended_meanwhile_is_no_failure() -> None:
    daemon = FakeDaemon(doing("a", failure(libvirt.VIR_ERR_OPERATION_INVALID)))
    assert read(daemon.connect(""), {"a": ["vda"], "gone": ["vda"]}, 5) == []


def test_disk_that_can_have_no_job_is_no_failure() -> None:
    daemon = FakeDaemon(doing("a", failure(libvirt.VIR_ERR_CONFIG_UNSUPPORTED)))
    assert read(daemon.connect(""), {"a": ["sda"]}, 5) == []


def test_if_nothing_can_be_read_it_is_an_error() -> None:
    daemon = FakeDaemon(doing("a", failure(libvirt.VIR_ERR_OPERATION_FAILED, "no")))
    with pytest.raises(libvirt.libvirtError, match="no"):
        read(daemon.connect(""), {"a": ["vda"]}, 5)


def test_driver_without_block_jobs_is_asked_once() -> None:
    daemon = FakeDaemon(doing("a", failure(libvirt.VIR_ERR_NO_SUPPORT)))
    connection = daemon.connect("")
    for _ in range(2):
        assert read(connection, {"a": ["vda", "vdb"]}, 5) == []
    assert daemon.made.count("blockJobInfo") == 1


def test_when_the_time_is_over_the_rest_is_left() -> None:
    assert read(FakeDaemon(doing("a", COPY)).connect(""), {"a": ["vda"]}, -1) == []


def test_daemon_that_dies_is_an_error() -> None:
    daemon = FakeDaemon(doing("a", COPY))
    connection = daemon.connect("")
    connection.domain("a")
    daemon.die(noticed=False)
    with pytest.raises(libvirt.libvirtError, match="socket is closed"):
        read(connection, {"a": ["vda"]}, 5)
