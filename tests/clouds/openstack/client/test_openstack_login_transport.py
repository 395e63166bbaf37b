"""Connections of log-ins, cut from outside: when a server drips, and at close."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.client.login_transport import Wire
from stratoscope.core.config import Duration
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError
from support import certificates
from support.fake_openstack import clouds_yaml, config, opened
from support.source import until


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    other.settimeout(2)
    with one, other:
        yield one, other


def test_what_was_made_is_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire()
    wire.begin()
    wire.note(pair[0])
    wire.cut()
    assert pair[1].recv(1) == b""


def test_what_is_made_too_late_is_cut_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire()
    wire.cut()
    wire.note(pair[0])
    assert pair[1].recv(1) == b""


def test_the_next_log_in_may_make_connections_again(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire()
    wire.cut()
    wire.begin()
    wire.note(pair[0])
    pair[0].send(b"x")
    assert pair[1].recv(1) == b"x"


def test_tls_inside_tls_is_cut_by_the_socket_beneath(pair: tuple[socket.socket, socket.socket]) -> None:
    """Through a proxy that speaks TLS itself, urllib3 has no socket but something that holds one."""
    wire = Wire()
    wire.note(SimpleNamespace(socket=pair[0]))
    wire.cut()
    assert pair[1].recv(1) == b""


@asynccontextmanager
async def _dripping(head: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that begins an answer and goes on with a byte now and then."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while not over.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        over.set()
        await asyncio.sleep(0.04)


@pytest.mark.parametrize("more", ["", "Content-Length: 99999\r\n\r\n", "Connection: close\r\n\r\n"])
@pytest.mark.parametrize("path", ["", "/v3"])
async def test_a_keystone_that_drips_keeps_no_thread(tmp_path: Path, more: str, path: str) -> None:
    async with _dripping(f"HTTP/1.1 200 OK\r\nX-Slow: 1\r\n{more}".encode()) as url:
        DEADLINE.set(asyncio.get_running_loop().time() + 60)
        configured = config(tmp_path, url, Limits(timeout=Duration(0.1)))
        auth = yaml.safe_load((tmp_path / "clouds.yaml").read_text())["clouds"]["test"]["auth"]
        clouds_yaml(tmp_path, url, auth={**auth, "auth_url": f"{url}{path}"})
        async with opened(configured) as client:
            with pytest.raises(CollectError, match=r"no log-in within 0.4 s"):
                await client.access()
            await until(lambda: client._login._calls.busy == 0)


@pytest.mark.parametrize("is_over_tls", [False, True])
async def test_closing_ends_a_log_in_that_drips_and_its_thread(tmp_path: Path, *, is_over_tls: bool) -> None:
    certificates.write(tmp_path, certificates.Authority())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    drip = _dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", tls if is_over_tls else None)
    async with drip as url:
        DEADLINE.set(asyncio.get_running_loop().time() + 60)
        async with opened(config(tmp_path, url, cacert=str(tmp_path / "ca.crt"))) as client:
            waiting = asyncio.create_task(client.access())
            await until(lambda: bool(client._login._keystone.wire._sockets))
            await asyncio.sleep(0.1)
        with pytest.raises(CollectError, match="closed"):
            await waiting
        await until(lambda: not any("uni: Keystone" in thread.name for thread in threading.enumerate()))
