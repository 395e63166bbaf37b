"""Listen addresses."""

import errno
import os
import socket

import pytest

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.listen import Address, listening, url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:10971", Address("127.0.0.1", 10971)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:80", Address("::1", 80)),
        (":10971", Address("", 10971)),
    ],
)
def test_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "10971", "host", "host:", "host:x", "::1:80", "h:65536", "[::1]", "[::g]:1", "[host]:1"]
)
def test_bad_address_is_refused_with_the_flag_and_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--web\.listen-address: .*allowed"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.8.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        (":1", False),
        ("0.0.0.0:1", False),
        ("a.b:1", False),
    ],
)
def test_only_loopback_is_taken_for_loopback(text: str, *, is_loopback: bool) -> None:
    assert Address.parse(text).is_loopback is is_loopback


async def test_no_host_listens_on_ipv4_and_ipv6() -> None:
    with await listening(Address("", 0)) as listener:
        port = listener.getsockname()[1]
        assert url(listener, tls=False) == f"http://[::]:{port}"
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=1).close()


async def test_no_host_listens_on_ipv4_alone_where_the_kernel_has_no_ipv6(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with await listening(Address("", 0)) as listener:
        assert url(listener, tls=True) == f"https://0.0.0.0:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("localhost", socket.AF_INET)],
)
async def test_a_host_listens_on_one_address_of_it(host: str, family: socket.AddressFamily) -> None:
    with await listening(Address(host, 0)) as listener:
        assert listener.family is family


async def test_address_in_use_is_said_with_the_flag() -> None:
    with await listening(Address("127.0.0.1", 0)) as listener:
        taken = Address("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(ConfigError) as refused:
            await listening(taken)
    assert (
        str(refused.value)
        == f"--web.listen-address: cannot listen on {taken}: {os.strerror(errno.EADDRINUSE)}"
    )


async def test_unknown_host_is_said_with_the_flag() -> None:
    with pytest.raises(ConfigError, match=r"--web\.listen-address: cannot listen on nowhere\.invalid:1: "):
        await listening(Address("nowhere.invalid", 1))
