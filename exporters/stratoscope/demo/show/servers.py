"""A program of the demo that listens: on the port that is wanted, or on a free one."""

import os
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from stratoscope.demo.show.asking import is_ready
from stratoscope.demo.show.children import READY_S, Child, DemoError, wait_until
from stratoscope.demo.show.terminal import say

_LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 3
_SOCKETS: Final = Path("/proc/self/net/tcp")
_LISTENS: Final = "0A"
"""The state TCP_LISTEN in that file."""


@dataclass(slots=True)
class Server:
    """A program that listens on loopback.

    Attributes:
        name: Of the program.
        words: They start it; the flag with its address follows.
        port: The one that is wanted; from `start` on the one where it listens.
        folder: For its messages.
    """

    name: str
    words: Sequence[str | Path]
    port: int
    folder: Path
    _children: list[Child] = field(default_factory=list)
    _claims: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{_LOOPBACK}:{self.port}"

    @property
    def child(self) -> Child:
        """Its process. Call `start` before."""
        return self._children[-1]

    def start(self) -> None:
        """Start it on a port that is free now, and do not wait for it. Raises DemoError: No port is free."""
        self.release()
        self.port, claim = free_port(self.port, self.name)
        self._claims.append(claim)
        self._children.append(
            Child(self.name, [*self.words, f"--web.listen-address={self.address}"], self.folder)
        )

    def until_it_listens(self, stop: threading.Event, within_s: float = READY_S) -> None:
        """Wait. If somebody else took its port meanwhile, it is started again on another.

        Raises:
            DemoError: It ended, or takes too long.
            Stopped: A signal came.
        """
        for left in reversed(range(_TRIES)):
            try:
                wait_until(self.child, self._listens, stop, within_s)
            except DemoError:
                if not left or not self.child.has_ended or _is_free(self.port):
                    raise
                self.start()
            else:
                return

    def until_it_is_ready(self, stop: threading.Event, within_s: float = READY_S) -> None:
        """Wait until it answers. Raises as `until_it_listens`, which comes first."""
        self.until_it_listens(stop, within_s)
        wait_until(self.child, partial(is_ready, self.url), stop, within_s)

    def _listens(self) -> bool:
        return listens(self.child.pid, self.port)

    def end(self) -> None:
        """End it, and wait for that; it may not have been started."""
        for child in self._children[-1:]:
            child.end()
            child.wait()
        self.release()

    def release(self) -> None:
        """Leave its port to others. Call it once the process has ended."""
        while self._claims:
            self._claims.pop().close()


def listens(pid: int, port: int) -> bool:
    """Whether this process, and nobody else, listens on this port of loopback. Source: /proc.

    Where the kernel does not tell, whether anybody does.
    """
    try:
        rows = [line.split() for line in _SOCKETS.read_text().splitlines()[1:]]
        host = int.from_bytes(socket.inet_aton(_LOOPBACK), sys.byteorder)
        found = {f"socket:[{row[9]}]" for row in rows if row[1:4:2] == [f"{host:08X}:{port:04X}", _LISTENS]}
        return any(_link(file) in found for file in Path(f"/proc/{pid}/fd").iterdir())
    except ProcessLookupError:
        return False
    except OSError:
        return not _is_free(port)


def _link(file: Path) -> str:
    """What an open file is; "" once it is closed."""
    try:
        return os.readlink(file)  # noqa: PTH115 - a socket is no path
    except FileNotFoundError:
        return ""


def free_port(wanted: int, whose: str) -> tuple[int, socket.socket]:
    """The port wanted, or a free one in its place; and what claims it until it is closed.

    Raises:
        DemoError: None is free.
    """
    for port in (wanted, *[0] * _TRIES):
        found = _bound(port)
        claim = None if found is None else _claimed(found)
        if found is None or claim is None:
            continue
        if found != wanted:
            say(f"port {wanted} is busy: {whose} takes {found}")
        return found, claim
    raise DemoError(f"no free port on {_LOOPBACK}")


def _claimed(port: int) -> socket.socket | None:
    """A name that one process can have: a demo that starts at the same moment takes another port.

    The kernel gives it back when the process ends. None if another demo has it. Elsewhere than on Linux there
    are no such names, and all get it.
    """
    claim = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            claim.bind(f"\0stratoscope-demo-port-{port}")
        except OSError:
            claim.close()
            return None
    return claim


def _is_free(port: int) -> bool:
    return _bound(port) is not None


def _bound(port: int) -> int | None:
    """The port that the kernel gives for this one; None if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
