"""The way `ssh` of the step `reachable`, with servers on loopback: whose key it is, and what shows none."""

import asyncio
import getpass
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncssh
import pytest
from asyncssh.packet import MPInt, String

from stratoscope.clouds.lifecycle import RunReason, StepError, StepLeftOutError
from stratoscope.clouds.steps import reachable
from stratoscope.clouds.steps.host_keys import ConsoleLog, Written, written
from stratoscope.clouds.steps.reachable import Reachable, Reaching
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from support.reaching import Say, endlessly, hearing, saying, underway, verdict

HOST = "127.0.0.1"
VM = underway(HOST)
ED25519 = asyncssh.generate_private_key("ssh-ed25519")
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp384")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
OTHER = asyncssh.generate_private_key("ssh-ed25519")
ALL = (ED25519, ECDSA, RSA)
BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"
IGNORED = b"\0\0\0\x0c\x05\x02\0\0\0\x01x" + bytes(5)
"""The smallest packet that a client takes at any time: SSH_MSG_IGNORE."""
GOES_AWAY = b"\0\0\0\x14\x06\x01\0\0\0\x02" + bytes(8 + 6)
"""SSH_MSG_DISCONNECT with the code of a protocol error, and no text."""


def shown(*keys: asyncssh.SSHKey) -> str:
    lines = "".join(f"{key.export_public_key().decode().strip()} root@vm\r\n" for key in keys)
    return f"-----BEGIN SSH HOST KEY KEYS-----\r\n{lines}-----END SSH HOST KEY KEYS-----\r\nvm login: "


def console(*logs: str | Exception) -> ConsoleLog:
    """One that shows these one after the other, the last for ever."""
    left = [*logs]

    async def read(vm_id: str) -> str:
        assert vm_id == VM.vm_id
        log = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(log, Exception):
            raise log
        return log

    return read


def comparing(port: int, *logs: str | Exception) -> Reaching:
    return Reaching(Reachable(ssh=port), console_log=console(*logs))


class Recording(asyncssh.SSHServer):
    """A server that takes note of who wants to log in."""

    def __init__(self, users: list[str]) -> None:
        self._users = users

    def begin_auth(self, username: str) -> bool:
        self._users.append(username)
        return True


@asynccontextmanager
async def server(keys: Sequence[object], host: str = HOST) -> AsyncIterator[int]:
    users: list[str] = []
    listener = await asyncssh.listen(
        host, 0, server_factory=lambda: Recording(users), server_host_keys=keys, signature_algs="+ssh-rsa"
    )
    async with listener:
        yield listener.get_port()
    assert users == [], "somebody wanted to log in"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "KEY_S", 0.1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_key_that_the_vm_has_written_is_the_vms_and_nobody_logs_in(host: str) -> None:
    async with server([ED25519], host) as port:
        step = comparing(port, f"boot\r\n{shown(ED25519)}")
        await step.begin(underway(host))
        assert await step.has_ended(underway(host))


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.get_algorithm())
async def test_server_is_asked_for_a_key_of_a_kind_that_was_written(key: asyncssh.SSHKey) -> None:
    async with server([*ALL]) as port:
        assert await comparing(port, shown(key)).has_ended(VM)


async def test_keys_are_looked_for_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def noted(log: str) -> Written | None:
        threads.append(threading.current_thread())
        return written(log)

    monkeypatch.setattr(reachable, "written", noted)
    async with server([ED25519]) as port:
        assert await comparing(port, shown(ED25519)).has_ended(VM)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_another_key_is_another_machine_at_once() -> None:
    async with server([OTHER]) as port:
        with pytest.raises(StepError) as error:
            await comparing(port, shown(*ALL)).has_ended(VM)
    assert error.value.reason is RunReason.NETWORK
    key = OTHER.get_fingerprint()
    text = f"{HOST} port {port} is not the VM: its SSH host key {key} is not on the VM's console"
    assert str(error.value) == text


async def test_public_key_of_the_vm_without_its_private_key_is_none() -> None:
    (impostor,) = asyncssh.load_keypairs([OTHER])
    impostor.public_data = ED25519.public_data
    async with server([impostor]) as port:
        step = comparing(port, shown(ED25519))
        assert not await step.has_ended(VM)
        error = await verdict(step, VM)
    assert error.reason is RunReason.NETWORK
    assert str(error).endswith("no SSH host key: Key exchange hash mismatch")


async def test_key_of_negative_numbers_is_none() -> None:
    (malformed,) = asyncssh.load_keypairs([RSA])
    malformed.public_data = String("ssh-rsa") + MPInt(-3) + MPInt(-15)
    async with server([malformed]) as port:
        step = comparing(port, shown(RSA))
        assert not await step.has_ended(VM)
        error = await verdict(step, VM)
    assert error.reason is RunReason.NETWORK
    assert "no SSH host key: can't convert negative int" in str(error)


async def test_server_without_a_key_of_a_written_kind_does_not_answer() -> None:
    async with server([ECDSA]) as port:
        step = comparing(port, shown(ED25519))
        assert not await step.has_ended(VM)
        error = await verdict(step, VM)
    assert error.reason is RunReason.NETWORK
    assert "no SSH host key: Unable to find compatible server host key" in str(error)


async def test_keys_that_are_not_written_yet_are_waited_for() -> None:
    async with server([ED25519]) as port:
        step = comparing(port, "", shown(ED25519)[:40], shown(ED25519))
        assert [await step.has_ended(VM) for _ in range(3)] == [False, False, True]


async def test_keys_that_are_never_written_are_the_time_out_of_the_console() -> None:
    async with server([ED25519]) as port:
        error = await verdict(comparing(port, "vm login: "), VM)
    assert error.reason is RunReason.TIMEOUT
    assert str(error) == f"{HOST} port {port} answers, but the VM's console shows no SSH host keys"


async def test_port_that_refuses_is_the_networks_fault_and_no_console_is_read() -> None:
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        step = comparing(closed.getsockname()[1], AssertionError("it was read"))
        assert not await step.has_ended(VM)
        error = await verdict(step, VM)
    assert error.reason is RunReason.NETWORK
    assert str(error).endswith("does not answer: Connection refused")


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("say", "problem"),
    [
        (saying(b""), "nothing comes back"),
        (saying(BANNER), "nothing comes back"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "nothing comes back"),
        (saying(b"SSH-1.5-old\r\n"), "Unsupported SSH version"),
        (saying(BANNER + GOES_AWAY), "no SSH host key: ProtocolError"),
        (saying(b"SSH-2.0-\xff\xff\r\n"), "can't decode byte 0xff"),
        (saying(b"SSH-2.0-" + b"x" * 300 + b"\r\n"), "Version too long"),
        (saying(BANNER + b"\xff" * 64), "Max packet size exceeded"),
        (saying(BANNER + b"\0\0\0\x0c\x04\x14" + bytes(10)), "Incomplete packet"),
        (saying(BANNER + bytes(64)), ""),
        (saying(b"x" * (1 << 20)), "Banner line too long"),
        (endlessly(b"x" * 65536), "Banner line too long"),
        (endlessly(b"x\n" * 32768), "Too many banner lines"),
        (endlessly((b"x" * 1000 + b"\r\n") * 64), ""),
        (endlessly(IGNORED * 4096, BANNER), ""),
    ],
    ids=[
        *(
            "nothing",
            "banner alone",
            "HTTP",
            "SSH 1",
            "goes away without a word",
            "no ASCII",
            "long version",
            "large packet",
            "short packet",
        ),
        *("zeros", "a megabyte", "endless line", "endless lines", "endless long lines", "endless packets"),
    ],
)
async def test_server_that_shows_no_key_is_waited_for_and_then_the_networks_fault(
    say: Say, problem: str
) -> None:
    began = time.monotonic()
    async with hearing(HOST, say) as (port, _):
        step = comparing(port, shown(ED25519))
        assert not await step.has_ended(VM)
        error = await verdict(step, VM)
    assert error.reason is RunReason.NETWORK
    assert problem in str(error)
    assert len(str(error)) < 500
    assert time.monotonic() - began < 3


async def test_server_that_ends_the_connection_shows_no_key() -> None:
    async def end(writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with hearing(HOST, end) as (port, _):
        error = await verdict(comparing(port, shown(ED25519)), VM)
    assert error.reason is RunReason.NETWORK


@pytest.mark.parametrize("text", [b"x" * 1000 + b"\r\n", IGNORED], ids=["lines", "packets"])
async def test_endless_server_is_read_up_to_a_bound_bit_by_bit(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def received(self: asyncssh.SSHClientConnection, data: bytes, datatype: None = None) -> None:
        taken.append(len(data))
        take(self, data, datatype)

    take = asyncssh.SSHClientConnection.data_received
    monkeypatch.setattr(asyncssh.SSHClientConnection, "data_received", received)
    async with hearing(HOST, endlessly(text * (65536 // len(text)), BANNER if text == IGNORED else b"")) as (
        port,
        _,
    ):
        assert not await comparing(port, shown(ED25519)).has_ended(VM)
    assert sum(taken) == 1 << 16
    assert max(taken) <= 1 << 13


async def test_kind_without_a_console_leaves_the_step_out() -> None:
    async with server([ED25519]) as port:
        with pytest.raises(StepLeftOutError, match="this kind of cloud shows no console"):
            await Reaching(Reachable(ssh=port)).has_ended(VM)


@pytest.mark.parametrize(
    "error", [StepLeftOutError("no right"), StepError(RunReason.API_UNREACHABLE, "nova is down")]
)
async def test_console_that_cannot_be_read_says_so_itself(error: Exception) -> None:
    async with server([ED25519]) as port:
        with pytest.raises(type(error), match=str(error)):
            await comparing(port, error).has_ended(VM)


async def test_user_without_a_name_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    async with server([ED25519]) as port:
        with pytest.raises(
            StepError, match="reachable: ssh: the user of the probe has no name, set"
        ) as error:
            await comparing(port, shown(ED25519)).has_ended(VM)
    assert error.value.reason is RunReason.PROBE_MISCONFIGURED


def test_package_that_is_missing_is_a_mistake_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(
        ConfigError, match=r"reachable.ssh: the package asyncssh is missing; the extra \[vmprobe"
    ):
        decode(Reachable, {"ssh": 22}, "reachable")
    assert decode(Reachable, {"tcp": 22}, "reachable").tcp == 22


async def test_nothing_is_left_open_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with server([ED25519]) as port:
        step = comparing(port, shown(ED25519))
        assert await step.has_ended(VM)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the number alone
            for _ in range(5):
                assert await step.has_ended(VM)
            async with asyncio.timeout(5):
                while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110, PTH208 - the server's end
                    await asyncio.sleep(0.01)
    assert caplog.records == []


async def test_look_that_is_cancelled_leaves_nothing_open() -> None:
    async with hearing(HOST, saying(BANNER)) as (port, heard):
        look = asyncio.ensure_future(comparing(port, shown(ED25519)).has_ended(VM))
        await asyncio.sleep(0.05)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        async with asyncio.timeout(5):
            while not heard:  # noqa: ASYNC110 - the connection ends by itself
                await asyncio.sleep(0.01)
