"""Breaks services of the cloud, and mends them again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from cloud import daemons, services
from cloud.folder import KNOBS, LOG, ports


@contextmanager
def hung(name: str) -> Iterator[None]:
    """Its processes are there, but do nothing."""
    services.send(name, signal.SIGSTOP)
    try:
        yield
    finally:
        services.send(name, signal.SIGCONT)


@contextmanager
def killed(name: str) -> Iterator[None]:
    """Its processes are gone; it is started again afterwards."""
    services.send(name, signal.SIGKILL)
    try:
        yield
    finally:
        services.stop(name)
        start(name)


def start(name: str) -> None:
    """Start it, and wait until it answers."""
    service = daemons.everything(ports())[name]
    services.start(service)
    services.wait_until_ready(service)


@contextmanager
def silent(agent: str) -> Iterator[None]:
    """A Neutron agent reports nothing. Args: agent: `host:binary`."""
    with knob("silent", agent):
        yield


@contextmanager
def knob(name: str, content: str) -> Iterator[None]:
    """What the pretended hosts and agents are told for a while."""
    file = KNOBS / name
    file.write_text(content)
    try:
        yield
    finally:
        file.unlink()


class Log:
    """What a service writes to its log from now on."""

    def __init__(self, name: str) -> None:
        self._file = LOG / f"{name}.log"
        self._start = self._file.stat().st_size

    def lines(self, *words: str) -> list[str]:
        """Those that hold all the words."""
        with self._file.open("rb") as file:
            file.seek(self._start)
            text = file.read().decode(errors="replace")
        return [line for line in text.splitlines() if all(word in line for word in words)]
