import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel.qdisc import Qdisc, Queues, dump, parse, queues_over, read_queues
from support.hosts import HOSTS

NOQUEUE = Queues(root=Qdisc("noqueue", None, None))
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="rtnetlink is Linux's")


class Kernel:
    """The kernel's end of a netlink socket: gives recorded answers."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []

    def send(self, data: bytes, /) -> int:
        self.asked.append(data)
        return len(data)

    def recv(self, _size: int, /) -> bytes:
        return self.answers.pop(0)


def recorded(name: str) -> bytes:
    return (HOSTS / "qdisc" / f"{name}.bin").read_bytes()


def message(kind: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, 2, 1, 0) + payload


def test_one_dump_of_all_interfaces_is_asked_for() -> None:
    kernel = Kernel(recorded("bridge"))
    assert len(list(dump(kernel))) == 23
    assert [len(data) for data in kernel.asked] == [36]
    assert struct.unpack_from("=IHH", kernel.asked[0]) == (36, 38, 0x301)


def test_taps_of_a_bridge_have_no_queue_and_so_no_drops() -> None:
    names = {1: "lo", 4: "eth0", 6: "vnet0", 7: "vnet1"}
    assert parse(dump(Kernel(recorded("bridge"))), names) == {
        "lo": NOQUEUE,
        "eth0": Queues(root=Qdisc("pfifo_fast", 0, 0)),
        "vnet0": NOQUEUE,
        "vnet1": NOQUEUE,
    }


def test_drops_and_backlog_of_a_tree_are_its_roots_and_ingress_stands_beside() -> None:
    queues = parse(dump(Kernel(recorded("htb"))), {3: "vnet0"})
    assert queues == {
        "vnet0": Queues(
            root=Qdisc("htb", drops=15, backlog_bytes=2826),
            ingress=Qdisc("ingress", 0, 0),
        )
    }


def test_an_answer_in_several_parts_is_read_to_its_end() -> None:
    whole = recorded("htb")
    length = struct.unpack_from("=I", whole)[0]
    aligned = (length + 3) & ~3
    names = {1: "lo", 2: "peer0", 3: "vnet0"}
    in_parts = parse(dump(Kernel(whole[:aligned], whole[aligned:])), names)
    assert in_parts == parse(dump(Kernel(whole)), names)


def test_messages_of_other_kinds_are_passed_over() -> None:
    done = message(3, struct.pack("=i", 0))
    assert list(dump(Kernel(message(16, b"link") + done))) == []


@pytest.mark.parametrize("kind", [2, 3])
def test_a_refusal_has_the_kernels_number(kind: int) -> None:
    with pytest.raises(OSError, match="rtnetlink: request 38") as error:
        list(dump(Kernel(message(kind, struct.pack("=i", -errno.EBUSY)))))
    assert error.value.errno == errno.EBUSY


@pytest.mark.parametrize(
    "answer",
    [
        b"\x10",
        struct.pack("=IHHII", 4, 36, 0, 1, 0),
        struct.pack("=IHHII", 900, 36, 0, 1, 0),
        message(36, b"short") + message(3, struct.pack("=i", 0)),
        message(3, b""),
    ],
)
def test_an_answer_that_is_cut_short_makes_no_sense(answer: bytes) -> None:
    with pytest.raises(ValueError, match="rtnetlink"):
        parse(dump(Kernel(answer)), {})


@ON_LINUX
def test_the_kernel_answers_for_the_loopback_interface() -> None:
    queues = read_queues()
    assert isinstance(queues, dict)
    assert "lo" not in queues or queues["lo"].root is not None


def failing(error: OSError) -> Callable[[], socket.socket]:
    def opened() -> socket.socket:
        raise error

    return opened


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EPERM, LeftOut.UNAUTHORIZED),
        (errno.EACCES, LeftOut.UNAUTHORIZED),
        (errno.EAFNOSUPPORT, LeftOut.ABSENT),
        (errno.EOPNOTSUPP, LeftOut.ABSENT),
    ],
)
def test_without_rtnetlink_the_reason_is_told(number: int, reason: LeftOut) -> None:
    assert queues_over(failing(OSError(number, "x"))) is reason


def test_other_failures_are_not_hidden() -> None:
    with pytest.raises(TimeoutError):
        queues_over(failing(TimeoutError("timed out")))


@ON_LINUX
def test_a_kernel_that_does_not_answer_is_a_time_out() -> None:
    left, right = socket.socketpair()
    left.settimeout(0.01)
    with right, pytest.raises(TimeoutError):
        queues_over(lambda: left)


@ON_LINUX
def test_tc_says_the_same() -> None:
    program = shutil.which("tc", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert program is not None, "tc is not installed; `make setup` names its package"
    queues = read_queues()
    tc: list[dict[str, Any]] = json.loads(subprocess.check_output([program, "-j", "-s", "qdisc"], text=True))
    assert isinstance(queues, dict)
    roots = {entry["dev"]: entry for entry in tc if entry.get("root")}
    both = [(queues[name].root, roots[name]) for name in queues.keys() & roots.keys()]
    for root, said in both:
        assert root is not None
        assert root.kind == said["kind"]
        assert root.drops is None or root.drops <= said["drops"]  # asked a moment later
    assert both or not roots
