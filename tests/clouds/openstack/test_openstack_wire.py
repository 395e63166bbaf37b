"""Connections of log-ins, cut from outside."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from stratoscope.clouds.openstack.door.wire import Wire


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
