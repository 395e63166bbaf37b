"""A program of the demo that listens: on the port that is wanted, or on a free one."""

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from stratoscope.show import processes
from stratoscope.show.asking import is_ready
from stratoscope.show.processes import READY_S, Process, Words
from stratoscope.show.terminal import DemoError, Stop, Stopped, say

_LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 3
_LOG_LINES: Final = 15
_SOCKETS: Final = Path("/proc/self/net/tcp")
_LISTENS: Final = "0A"
"""The state TCP_LISTEN in that file."""


@dataclass(slots=True)
class Server:
    """A program that listens on loopback.

    Attributes:
        name: Of the program, and of its file of messages.
        words: They start it; the flag with its address follows.
        port: The one that is wanted; from `start` on the one where it listens.
        folder: For its messages.
        program: The sub-command of an exporter; "" for other programs.
        labels: What Prometheus adds to all that an exporter says.
        started: Its processes; the last one runs.
    """

    name: str
    words: Words
    port: int
    folder: Path
    program: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)
    _claims: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{_LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process. Call `start` before, as for all below."""
        return self.started[-1].pid

    def start(self) -> None:
        """Start it on a port that is free now, and do not wait for it. Raises DemoError: No port is free."""
        self.release()
        self.port, claim = free_port(self.port, self.name)
        self._claims.append(claim)
        with self._log.open("wb") as log:
            command = [*self.words, f"--web.listen-address={self.address}"]
            self.started.append(processes.begin(command, log, log))

    @property
    def has_ended(self) -> bool:
        return self.started[-1].poll() is not None

    def check(self) -> None:
        """Raises DemoError: It has ended; with the last lines of what it said."""
        if self.has_ended:
            said = self.last_lines()
            words = f"its last lines:\n{said}" if said else "it had said nothing"
            raise DemoError(f"{self.name} ended with status {self.started[-1].returncode}; {words}")

    def last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def wait_until(self, is_there: Callable[[], bool], stop: Stop, within_s: float = READY_S) -> None:
        """Wait for something while it lives.

        Raises:
            DemoError: It ends, or takes too long.
            Stopped: A signal came.
        """
        deadline = time.monotonic() + within_s
        while True:
            found = is_there()
            self.check()  # after the question: a program that has ended was not what answered
            if found:
                return
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} is not ready after {within_s:g} s:\n{self.last_lines()}")
            if stop.wait(processes.LOOK_S):
                raise Stopped

    def until_it_listens(self, stop: Stop, within_s: float = READY_S) -> None:
        """Wait. If somebody else took its port meanwhile, it is started again on another.

        Raises: As `wait_until`.
        """
        for left in reversed(range(_TRIES)):
            try:
                self.wait_until(lambda: listens(self.pid, self.port), stop, within_s)
            except DemoError:
                if not left or not self.has_ended or _bound(self.port) is not None:
                    raise
                self.start()
            else:
                return

    def until_it_is_ready(self, stop: Stop, within_s: float = READY_S) -> None:
        """Wait until it answers. Raises as `until_it_listens`, which comes first."""
        self.until_it_listens(stop, within_s)
        self.wait_until(partial(is_ready, self.url), stop, within_s)

    def release(self) -> None:
        """Leave its port to others."""
        while self._claims:
            self._claims.pop().close()


def end(some: Sequence[Server]) -> None:
    """End these at once; some may not have been started."""
    processes.end(*(process for one in some for process in one.started[-1:]))
    for one in some:
        one.release()


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
        return _bound(port) is None


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


def _bound(port: int) -> int | None:
    """The port that the kernel gives for this one; None if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
