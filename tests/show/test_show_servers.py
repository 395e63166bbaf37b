"""Ports of the demo's programs: chosen when they start, and anew if somebody else takes them."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stratoscope.show import processes, servers
from stratoscope.show.servers import Server, end, free_port, listens
from stratoscope.show.terminal import DemoError, Stop

LISTENER = """
import socket, sys, time
time.sleep(float(sys.argv[1]))
host, port = sys.argv[-1].partition("=")[2].split(":")
server = socket.create_server((host, int(port)))
time.sleep(60)
"""
"""It listens after so many seconds, on the address of its last word."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOOK_S", 0.01)  # little programs are ready sooner than real ones


@contextmanager
def server(folder: Path, wanted: int, *, after_s: float = 0.0) -> Iterator[Server]:
    """A program that is started, and listens after so many seconds."""
    one = Server("little", [sys.executable, "-IS", "-c", LISTENER, str(after_s)], wanted, folder)
    one.start()
    try:
        yield one
    finally:
        end([one])


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_port_that_is_busy_is_replaced_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        wanted = busy.getsockname()[1]
        got, claim = free_port(wanted, "prometheus")
        claim.close()
    assert got != wanted
    assert capsys.readouterr().out == f"port {wanted} is busy: prometheus takes {got}\n"


def test_two_that_start_at_the_same_moment_take_different_ports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = a_free_port()
    with server(tmp_path, wanted, after_s=60) as one, server(tmp_path, wanted, after_s=60) as other:
        assert one.port == wanted
        assert other.port not in (0, wanted)
    assert capsys.readouterr().out == f"port {wanted} is busy: little takes {other.port}\n"


def test_port_is_left_to_others_in_the_end(tmp_path: Path) -> None:
    wanted = a_free_port()
    for _ in range(2):
        with server(tmp_path, wanted, after_s=60) as one:
            assert one.port == wanted


def test_no_port_is_free_if_others_have_claimed_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_claimed", lambda _: None)
    with pytest.raises(DemoError, match=r"^no free port on 127\.0\.0\.1$"):
        free_port(0, "little")


def test_port_that_is_free_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = a_free_port()
    with server(tmp_path, wanted) as one:
        one.until_it_listens(Stop())
        assert one.url == f"http://127.0.0.1:{wanted}"
    assert capsys.readouterr().out == ""


def test_only_the_process_that_listens_is_said_to(tmp_path: Path) -> None:
    with server(tmp_path, 0) as one:
        one.until_it_listens(Stop())
        assert listens(one.pid, one.port)
        assert not listens(os.getpid(), one.port)
        assert not listens(one.pid, a_free_port())
    assert not listens(one.pid, one.port)


def test_where_the_kernel_does_not_tell_who_listens_anybody_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_SOCKETS", tmp_path / "no such file")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        assert listens(1, busy.getsockname()[1])
    assert not listens(1, a_free_port())


def test_program_whose_port_is_taken_meanwhile_is_started_again_on_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(tmp_path, 0, after_s=0.3) as one:
        taken = one.port
        with socket.create_server(("127.0.0.1", taken)):
            one.until_it_listens(Stop())
        assert one.port != taken
        assert listens(one.pid, one.port)
    assert f"port {taken} is busy: little takes {one.port}\n" in capsys.readouterr().out


def test_program_that_ends_is_not_ready_though_another_listens_on_its_port(tmp_path: Path) -> None:
    one = Server("little", [sys.executable, "-IS", "-c", "import time; time.sleep(0.2)"], 0, tmp_path)
    one.start()
    other = socket.create_server(("127.0.0.1", one.port))
    with other, pytest.raises(DemoError, match=r"little ended with status 0; it had said nothing$"):
        one.until_it_is_ready(Stop())
    end([one])


def test_program_that_is_slow_is_not_started_again_though_another_listens_on_its_port(tmp_path: Path) -> None:
    with server(tmp_path, 0, after_s=60) as one:
        before = one.pid
        other = socket.create_server(("127.0.0.1", one.port))
        with other, pytest.raises(DemoError, match=r"little is not ready after 0.1 s:"):
            one.until_it_listens(Stop(), 0.1)
        assert one.pid == before


def test_program_that_ends_by_itself_is_not_started_again(tmp_path: Path) -> None:
    one = Server("little", [sys.executable, "-IS", "-c", "import sys; sys.exit('no')"], 0, tmp_path)
    one.start()
    before = one.pid
    with pytest.raises(DemoError, match="little ended with status 1; its last lines:\nno"):
        one.until_it_listens(Stop())
    assert one.pid == before
    end([one])


def test_program_that_was_not_started_ends(tmp_path: Path) -> None:
    began = time.monotonic()
    end([Server("little", ["no such program"], 0, tmp_path)])
    assert time.monotonic() < began + 1
