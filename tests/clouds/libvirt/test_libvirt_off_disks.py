"""Sizes of disks of domains that are off: asked once per change, and never waited for."""

import asyncio
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import libvirt
import pytest

from stratoscope.clouds.libvirt.model import DiskFacts, DiskSizes
from stratoscope.clouds.libvirt.off_disks import (
    FAILED_AGAIN_AFTER_S,
    READ_ANEW_AFTER_S,
    Disks,
    OffDisks,
    Read,
    read,
)
from stratoscope.core.errors import CollectError, Reason
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.source import Clock

VDA = (DiskFacts("vda", source=__file__, source_type="file"),)
SIZES = (DiskSizes("vda", 3, 1, 2),)


class Asked:
    """Readings that a test lets end."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.futures: list[asyncio.Future[Read]] = []
        self.is_ready = True
        self.sizes = SIZES
        self.clock = Clock()
        self.disks = OffDisks(self.start, self.clock)

    def start(self, missing: Mapping[str, Disks]) -> "asyncio.Future[Read]":
        self.asked.append(list(missing))
        future: asyncio.Future[Read] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        if self.is_ready:
            future.set_result(dict.fromkeys(missing, self.sizes))
        return future


async def test_sizes_are_read_once_and_anew_when_the_disks_change_or_after_an_hour() -> None:
    asked = Asked()
    for _ in range(3):
        assert await asked.disks.sizes({"a": VDA, "b": VDA}, 5) == {"a": SIZES, "b": SIZES}
    assert asked.asked == [["a", "b"]]
    await asked.disks.sizes({"a": VDA, "b": (*VDA, DiskFacts("vdb", source=__file__, source_type="file"))}, 5)
    assert asked.asked == [["a", "b"], ["b"]]
    asked.clock.time_s += READ_ANEW_AFTER_S
    await asked.disks.sizes({"a": VDA}, 5)
    assert asked.asked == [["a", "b"], ["b"], ["a"]]


async def test_domain_that_ran_meanwhile_is_read_anew() -> None:
    asked = Asked()
    await asked.disks.sizes({"a": VDA}, 5)
    assert await asked.disks.sizes({}, 5) == {}
    assert await asked.disks.sizes({"a": VDA}, 5) == {"a": SIZES}
    assert asked.asked == [["a"], ["a"]]


async def test_domain_of_which_nothing_can_be_read_is_left_alone_for_a_while() -> None:
    asked = Asked()
    asked.sizes = ()
    for _ in range(3):
        assert await asked.disks.sizes({"a": VDA}, 5) == {"a": ()}
    asked.clock.time_s += FAILED_AGAIN_AFTER_S
    await asked.disks.sizes({"a": VDA}, 5)
    assert asked.asked == [["a"], ["a"]]


async def test_storage_that_hangs_is_waited_for_once_and_shown_when_it_comes_back() -> None:
    asked = Asked()
    asked.is_ready = False
    for _ in range(3):
        assert await asked.disks.sizes({"a": VDA}, 0.01) == {}
    assert asked.asked == [["a"]]
    asked.futures[0].set_result({"a": SIZES})
    await asyncio.sleep(0)
    assert await asked.disks.sizes({"a": VDA}, 5) == {"a": SIZES}


@pytest.mark.parametrize("error", [CollectError(Reason.UNAVAILABLE, "gone"), None])
async def test_reading_that_fails_is_begun_anew(error: CollectError | None) -> None:
    asked = Asked()
    asked.is_ready = False
    await asked.disks.sizes({"a": VDA}, 0.01)
    if error is None:
        asked.futures[0].cancel()
    else:
        asked.futures[0].set_exception(error)
    await asyncio.sleep(0)
    asked.is_ready = True
    assert await asked.disks.sizes({"a": VDA}, 5) == {"a": SIZES}


async def test_when_no_thread_is_free_nothing_is_known_yet() -> None:
    def busy(_: Mapping[str, Disks]) -> "asyncio.Future[Read]":
        raise CollectError(Reason.BUSY, "all threads wait")

    assert await OffDisks(busy).sizes({"a": VDA}, 5) == {}


def info(*sizes: int) -> FakeDomain:
    return FakeDomain("a", calls={"blockInfo": list(sizes)}, domain_id=-1)


def test_sizes_are_those_of_blockinfo_and_an_empty_drive_has_none() -> None:
    daemon = FakeDaemon(info(3, 1, 2), FakeDomain("b", gone=True))
    disks = (*VDA, DiskFacts("hda", "cdrom", source_type="file"))
    assert read(daemon.connect(""), {"a": disks, "b": disks}, 5) == {"a": SIZES}
    assert daemon.made.count("blockInfo") == 1


def test_daemon_is_asked_only_of_images_that_the_exporter_reaches(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    disks = tuple(
        DiskFacts("vda", source=source, source_type=kind, format="qcow2")
        for kind, source in (
            ("file", str(tmp_path / "fifo")),
            ("file", str(tmp_path / "gone")),
            ("file", str(tmp_path)),
            ("file", "/dev/null"),
            ("network", __file__),
            ("volume", "pool/a"),
        )
    )
    daemon = FakeDaemon(info(3, 1, 2))
    assert read(daemon.connect(""), {"a": disks}, 5) == {"a": ()}
    assert "blockInfo" not in daemon.made


@pytest.mark.parametrize(("image", "expected"), [("raw", SIZES), ("qcow2", ())])
def test_of_devices_only_raw_ones_are_asked_for(
    image: str, expected: tuple[DiskSizes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    disks = (DiskFacts("vda", source=__file__, source_type="block", format=image),)
    monkeypatch.setattr(stat, "S_ISREG", lambda _: False)
    monkeypatch.setattr(stat, "S_ISBLK", lambda _: True)
    assert read(FakeDaemon(info(3, 1, 2)).connect(""), {"a": disks}, 5) == {"a": expected}


def test_image_whose_storage_does_not_answer_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_path: str) -> None:
        raise OSError(errno.ESTALE, "stale")

    daemon = FakeDaemon(FakeDomain("a", domain_id=-1, calls={"blockInfo": [3, 1, 2]}))
    monkeypatch.setattr(os, "statvfs", away)  # no file system of a test goes away just then
    assert read(daemon.connect(""), {"a": VDA}, 5) == {"a": ()}
    assert "blockInfo" not in daemon.made


def test_image_that_cannot_be_read_costs_itself() -> None:
    broken = FakeDomain("a", calls={"blockInfo": failure(libvirt.VIR_ERR_OPERATION_FAILED, "no image")})
    assert read(FakeDaemon(broken).connect(""), {"a": VDA}, 5) == {"a": ()}


def test_when_the_time_is_over_the_rest_is_left() -> None:
    assert read(FakeDaemon(info(3, 1, 2)).connect(""), {"a": VDA}, -1) == {}


def test_daemon_that_dies_is_an_error() -> None:
    daemon = FakeDaemon(info(3, 1, 2))
    connection = daemon.connect("")
    connection.domain("a")
    daemon.die(noticed=False)
    with pytest.raises(libvirt.libvirtError, match="socket is closed"):
        read(connection, {"a": VDA}, 5)
    with pytest.raises(libvirt.libvirtError, match=r"Connection refused|socket is closed"):
        read(connection, {"b": VDA}, 5)
