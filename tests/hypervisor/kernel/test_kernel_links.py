"""Who holds interfaces in promiscuous mode: as `ip -details link` has it, and in built answers."""

import errno
import json
import socket
import struct
import subprocess
from collections.abc import Callable

import pytest

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel.links import parse, promiscuity_over, read_promiscuity
from stratoscope.hypervisor.kernel.rtnetlink import attribute

HEAD = struct.pack("=BxHiII", 0, 1, 7, 0x1043, 0)


def link(name: bytes, *more: bytes) -> bytes:
    return HEAD + attribute(3, name + b"\0") + b"".join(more)


def test_count_stands_by_name_and_one_that_is_not_told_is_left_out() -> None:
    count = attribute(30, struct.pack("=I", 2))
    assert parse([link(b"vnet0", count), link(b"vnet1"), link(b"one-7-0", count)]) == {
        "vnet0": 2,
        "one-7-0": 2,
    }


@pytest.mark.parametrize("payload", [b"short", link(b"vnet0", attribute(30, b"\1")), HEAD + b"\x09"])
def test_answer_that_is_cut_short_makes_no_sense(payload: bytes) -> None:
    with pytest.raises(ValueError, match="rtnetlink"):
        parse([payload])


def test_counts_are_those_of_ip() -> None:
    command = ["ip", "-details", "-json", "link"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    ours = read_promiscuity()
    assert isinstance(ours, dict)
    theirs = {one["ifname"]: one["promiscuity"] for one in json.loads(told)}
    both = ours.keys() & theirs.keys()
    assert "lo" in both
    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}


def failing(error: OSError) -> Callable[[], socket.socket]:
    def opened() -> socket.socket:
        raise error

    return opened


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EPERM, LeftOut.UNAUTHORIZED), (errno.EAFNOSUPPORT, LeftOut.ABSENT)]
)
def test_without_rtnetlink_the_reason_is_told(number: int, reason: LeftOut) -> None:
    assert promiscuity_over(failing(OSError(number, "x"))) is reason


def test_shortage_of_descriptors_is_no_absence() -> None:
    with pytest.raises(OSError, match="many"):
        promiscuity_over(failing(OSError(errno.EMFILE, "too many")))
