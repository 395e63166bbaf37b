"""One connection: domain objects looked up once, keepalive where there is a daemon, libvirt's event loop."""

import logging
import os
import subprocess
import sys
import threading
from typing import cast

import libvirt
import pytest

from stratoscope.clouds.libvirt import connection
from stratoscope.clouds.libvirt.connection import Connection, connect, start_event_loop
from support.fake_libvirt import FakeDaemon, FakeDomain, FakeVirt, failure


class Remote:
    """A connection whose daemon knows keepalive or does not."""

    def __init__(self, *, has_keepalive: bool) -> None:
        self.has_keepalive = has_keepalive
        self.keepalive = (0, 0)

    def setKeepAlive(self, interval_s: int, count: int) -> int:  # noqa: N802 - libvirt's name
        if not self.has_keepalive:
            raise failure(libvirt.VIR_ERR_NO_SUPPORT)
        self.keepalive = (interval_s, count)
        return 0


def opened(daemon: FakeDaemon) -> tuple[Connection, FakeVirt]:
    found = daemon.connect("qemu:///system")
    return found, cast("FakeVirt", found.virt)


def test_a_domain_is_looked_up_once_per_connection() -> None:
    daemon = FakeDaemon(FakeDomain("a"))
    one, _ = opened(daemon)
    assert one.domain("a") is one.domain("a")
    assert daemon.made.count("lookupByUUIDString") == 1


def test_a_domain_that_is_gone_is_an_error_of_libvirt() -> None:
    one, _ = opened(FakeDaemon())
    with pytest.raises(libvirt.libvirtError):
        one.domain("a")


def test_learned_domains_are_not_looked_up() -> None:
    daemon = FakeDaemon(FakeDomain("a"))
    one, virt = opened(daemon)
    one.learn({"a": virt.lookupByUUIDString("a")})  # type: ignore[dict-item]  # a fake
    one.domain("a")
    assert daemon.made.count("lookupByUUIDString") == 1


def test_the_number_of_kept_domain_objects_is_bounded() -> None:
    uuids = [str(number) for number in range(connection.MOST_DOMAINS + 1)]
    one, _ = opened(FakeDaemon(*(FakeDomain(uuid) for uuid in uuids)))
    for uuid in uuids:
        one.domain(uuid)
    assert len(one._domains) == 1


def test_a_closed_connection_is_not_alive() -> None:
    daemon = FakeDaemon()
    one, _ = opened(daemon)
    assert one.is_alive()
    one.close()
    assert not one.is_alive()
    assert daemon.open == []


def test_closing_a_lost_connection_is_no_error() -> None:
    daemon = FakeDaemon()
    one, _ = opened(daemon)
    daemon.die(noticed=False)
    one.close()
    assert daemon.open == []


def test_keepalive_is_asked_for_and_missed_by_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        one = connect("test:///default")
    assert one.is_alive(), "the driver has no keepalive, and works without"
    assert "no keepalive" in caplog.text
    one.close()


def test_connections_are_read_only() -> None:
    one = connect("test:///default")
    with pytest.raises(libvirt.libvirtError, match="read only access prevents"):
        one.virt.listAllDomains()[0].destroy()
    one.close()


def test_a_uri_that_leads_nowhere_is_an_error_of_libvirt() -> None:
    with pytest.raises(libvirt.libvirtError):
        connect("qemu+unix:///system?socket=/nonexistent/libvirt-sock-ro")


def test_the_event_loop_runs_once_per_process() -> None:
    start_event_loop()
    start_event_loop()
    assert sum(thread.name == "libvirt events" for thread in threading.enumerate()) == 1


def test_an_event_loop_that_fails_goes_on_and_says_so_once_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble = failure(libvirt.VIR_ERR_NO_MEMORY, "no memory")
    turns = iter([trouble, trouble, None, trouble, KeyboardInterrupt()])
    slept_s: list[float] = []

    def turn() -> None:
        outcome = next(turns)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(connection, "sleep", slept_s.append)
    with pytest.raises(KeyboardInterrupt):
        connection._run_events(turn)
    assert slept_s == [1, 1, 1]
    assert [record.message for record in caplog.records] == [
        "libvirt's event loop failed error='no memory'"
    ] * 2


def test_libvirt_prints_no_errors_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    start_event_loop()
    with pytest.raises(libvirt.libvirtError):
        connect("qemu+unix:///system?socket=/nonexistent/libvirt-sock-ro")
    assert capfd.readouterr().err == ""


def test_libvirt_starts_no_daemon_of_its_own() -> None:
    start_event_loop()
    assert os.environ["LIBVIRT_AUTOSTART"] == "0"


def test_the_uri_that_is_opened_starts_no_daemon_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_read_only(uri: str) -> Remote:
        opened.append(uri)
        return Remote(has_keepalive=True)

    monkeypatch.setattr(libvirt, "openReadOnly", open_read_only)
    connect("qemu+ssh://node/session")
    assert opened == ["qemu+ssh://node/session?proxy=netcat"]


SHORT = """
import errno, os, resource
import libvirt
from stratoscope.clouds.libvirt.connection import connect, start_event_loop

start_event_loop()
libvirt.virEventAddTimeout(3_600_000, print, None)  # GLib's descriptor: now, not at the thread's first turn
open_now = len(os.listdir("/proc/self/fd"))
for spare in (0, 1, 2, 3, 5, 8, 20):
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + spare, 4096))
    try:
        connect("qemu+unix:///system?socket=/nonexistent/libvirt-sock-ro")
    except OSError as error:
        assert error.errno == errno.EMFILE, error
    else:
        raise AssertionError("opened")
print("alive", len(os.listdir("/proc/self/fd")) - open_now)
"""


def test_shortage_of_descriptors_is_an_error_and_does_not_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "alive 0\n"), done.stderr
