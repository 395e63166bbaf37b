"""The step `reachable`, with real sockets on loopback: what answers, and what is said of what does not."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, Underway
from stratoscope.clouds.steps import reachable
from stratoscope.clouds.steps.reachable import Reachable, Reaching
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from support.reaching import Say, endlessly, hearing, saying, underway, verdict

LOOPBACKS = ["127.0.0.1", "::1"]
ECHO = Reachable(icmp=True)


@asynccontextmanager
async def serving(host: str, say: Say) -> AsyncIterator[int]:
    """A server's port; it says this to whoever connects, who sends nothing."""
    async with hearing(host, say) as (port, heard):
        yield port
    assert heard == [b""] * len(heard), "the VM was sent something"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "TRY_S", 0.05)
    monkeypatch.setattr(reachable, "BANNER_S", 0.05)


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_port_that_accepts_is_reachable_and_is_sent_nothing(host: str) -> None:
    async with serving(host, saying(b"")) as port:
        step: Step = Reaching(Reachable(tcp=port))
        await step.begin(underway(host))
        assert await step.has_ended(underway(host, "192.0.2.1"))
    assert (step.phase, step.creates, step.is_before_request) == (Phase.REACHABLE, "", False)


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_banner_is_the_beginning_of_what_comes(host: str) -> None:
    async with serving(host, saying(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        assert await Reaching(Reachable(tcp=port, banner="SSH-")).has_ended(underway(host))


async def test_banner_that_comes_in_pieces_is_one() -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        for piece in (b"S", b"SH", b"-2"):
            writer.write(piece)
            await asyncio.sleep(0.01)

    async with serving("127.0.0.1", say) as port:
        assert await Reaching(Reachable(tcp=port, banner="SSH-")).has_ended(underway("127.0.0.1"))


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_port_that_refuses_is_tried_again_and_is_the_networks_fault_in_the_end(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as closed:
        closed.bind((host, 0))
        port = closed.getsockname()[1]
        step = Reaching(Reachable(tcp=port))
        assert not await step.has_ended(underway(host))
        error = await verdict(step, underway(host))
    assert error.reason is RunReason.NETWORK
    assert str(error) == f"{host} port {port} does not answer: Connection refused"


@pytest.mark.usefixtures("_impatient")
async def test_port_that_is_silent_is_not_waited_for() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # its queue is full after one; what comes then is dropped
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        step = Reaching(Reachable(tcp=port))
        assert not await step.has_ended(underway("127.0.0.1"))
        error = await verdict(step, underway("127.0.0.1"))
    assert str(error) == f"127.0.0.1 port {port} does not answer: nothing comes back"


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("say", "shown"),
    [
        (saying(b""), r"it says b'', not b'SSH-'"),
        (saying(b"220 smtp"), r"it says b'220 ', not b'SSH-'"),
        (saying(b"\xff\x00"), r"it says b'\xff\x00', not b'SSH-'"),
        (endlessly(b"x" * 65536), r"it says b'xxxx', not b'SSH-'"),
    ],
    ids=["nothing", "another", "no text", "endless"],
)
async def test_banner_that_is_another_is_shown_as_far_as_it_was_read(say: Say, shown: str) -> None:
    async with serving("127.0.0.1", say) as port:
        step = Reaching(Reachable(tcp=port, banner="SSH-"))
        assert not await step.has_ended(underway("127.0.0.1"))
        assert str(await verdict(step, underway("127.0.0.1"))).endswith(shown)


class Echoing(asyncio.DatagramProtocol):
    """Answers as a VM's kernel does, over UDP: the kernel of a test may allow no ICMP."""

    def __init__(self, answers: Callable[[bytes], list[bytes]]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for answer in self._answers(data):
            self._transport.sendto(answer, addr)


class Redirected(socket.socket):
    """A UDP socket in place of one for ICMP, which has no port."""

    def __init__(self, family: int, port: int) -> None:
        super().__init__(family, socket.SOCK_DGRAM)
        self._port = port

    def connect(self, address: Any) -> None:
        super().connect((address[0], self._port))


@asynccontextmanager
async def echoing(host: str, answers: Callable[[bytes], list[bytes]]) -> AsyncIterator[Reaching]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(partial(Echoing, answers), (host, 0))
    port = transport.get_extra_info("sockname")[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        yield Reaching(ECHO, lambda _: Redirected(family, port))
    finally:
        transport.close()


@pytest.mark.parametrize(("host", "request_type", "answer_type"), [("127.0.0.1", 8, 0), ("::1", 128, 129)])
async def test_echo_is_answered_and_other_answers_are_not_taken(
    host: str, request_type: int, answer_type: int
) -> None:
    def answers(data: bytes) -> list[bytes]:
        assert (data[0], data[1:4], len(data)) == (request_type, b"\0\0\0", 24)
        header = bytes([answer_type]) + data[1:8]
        return [b"", data, header + b"another's token", header + data[8:] + b"+", header + data[8:]]

    async with echoing(host, answers) as step:
        assert await step.has_ended(underway(host))


@pytest.mark.usefixtures("_impatient")
async def test_echo_without_an_answer_is_the_networks_fault_in_the_end() -> None:
    async with echoing("127.0.0.1", lambda _: []) as step:
        assert not await step.has_ended(underway("127.0.0.1"))
        error = await verdict(step, underway("127.0.0.1"))
    assert (error.reason, str(error)) == (
        RunReason.NETWORK,
        "127.0.0.1 does not answer: nothing comes back",
    )


class Flooded(socket.socket):
    """A socket at which another's answer is always there already."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)

    def connect(self, address: Any) -> None:
        """Nobody is there."""

    def send(self, data: Any, flags: int = 0, /) -> int:  # noqa: ARG002 - as socket has it
        return len(data)

    def recv(self, size: int, flags: int = 0, /) -> bytes:  # noqa: ARG002 - as socket has it
        return bytes(8) + b"another's token"


@pytest.mark.usefixtures("_impatient")
async def test_flood_of_other_answers_does_not_keep_the_loop() -> None:
    look = asyncio.ensure_future(Reaching(ECHO, lambda _: Flooded()).has_ended(underway("127.0.0.1")))
    async with asyncio.timeout(5):
        assert not await look


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_kernel_allows_echoes_or_its_setting_is_named(host: str) -> None:
    step = Reaching(ECHO)
    try:
        assert await step.has_ended(underway(host))
    except StepError as error:
        assert error.reason is RunReason.PROBE_MISCONFIGURED  # noqa: PT017 - the kernel decides which it is
        assert "net.ipv4.ping_group_range" in str(error)  # noqa: PT017 - the same


@pytest.mark.parametrize(
    ("number", "reason", "message"),
    [
        (
            errno.EACCES,
            RunReason.PROBE_MISCONFIGURED,
            "ping_group_range has no group of the probe's",
        ),
        (
            errno.EAFNOSUPPORT,
            RunReason.PROBE_MISCONFIGURED,
            "this machine has no ICMP for IPv4: Address family not supported",
        ),
        (errno.EMFILE, RunReason.INTERNAL, "the exporter is short of something: "),
    ],
)
async def test_machine_of_the_probe_that_cannot_try_is_named_at_once(
    number: int, reason: RunReason, message: str
) -> None:
    def refused(_: int) -> socket.socket:
        raise OSError(number, "no")

    with pytest.raises(StepError, match=message) as error:
        await Reaching(ECHO, refused).has_ended(underway("127.0.0.1"))
    assert error.value.reason is reason


async def test_vm_without_an_address_is_the_networks_fault_at_once() -> None:
    for run in (underway(), Underway(underway().mark, underway().resolved)):
        with pytest.raises(StepError, match="the VM has no address") as error:
            await Reaching(ECHO).begin(run)
        assert error.value.reason is RunReason.NETWORK


@pytest.mark.parametrize("address", ["fixed", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "10.0.0.1\n"])  # noqa: S104 - nobody listens
async def test_address_that_no_vm_can_have_is_the_clouds_fault_at_once(address: str) -> None:
    with pytest.raises(StepError, match="the VM's address is none: '") as error:
        await Reaching(ECHO).has_ended(underway(address))
    assert error.value.reason is RunReason.API_ERROR


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, r"reachable: no way to reach the VM; allowed: \{icmp: true\}, \{tcp: 22.* or \{ssh: 22\}"),
        ({"icmp": True, "tcp": 22}, "reachable: several ways to reach the VM; allowed: "),
        ({"ssh": 22, "tcp": 22}, "reachable: several ways to reach the VM; allowed: "),
        ({"icmp": True, "banner": "x"}, "reachable.banner: only tcp looks at it; allowed: together with tcp"),
        ({"ssh": 22, "banner": "x"}, "reachable.banner: only tcp looks at it; allowed: together with tcp"),
        ({"tcp": 22, "banner": "x" * 257}, "reachable.banner: too long; allowed: up to 256 bytes"),
        ({"tcp": 0}, "reachable.tcp: "),
        ({"ssh": 65536}, "reachable.ssh: "),
        ({"udp": 53}, "reachable.udp: unknown key; allowed: icmp, tcp, banner, ssh"),
        ("icmp", "reachable: expected a mapping, got a text"),
    ],
)
def test_mistake_in_the_key_is_named(described: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(Reachable, described, "reachable")


def test_longest_banner_is_one() -> None:
    assert decode(Reachable, {"tcp": 22, "banner": "x" * 256}, "reachable").banner == "x" * 256
