"""The programs of the demo: started, waited for, ended."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

READY_S: Final = 120
"""How long a program may take to start, on a machine that is busy."""
_STOP_S: Final = 5
_LOOK_S: Final = 0.1
_LOG_LINES: Final = 15
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class DemoError(Exception):
    """Why the demo cannot be shown, in words for its user."""


class Stopped(BaseException):
    """A signal came. No Exception, so that nobody takes it for a failure of what was under way."""


class Child:
    """A program of the demo, in a session of its own: Ctrl-C reaches it through us only.

    Attributes:
        name: Of its file of messages, and in what is said of it.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """Raises DemoError: It has ended; with the last lines of what it said."""
        status = self._process.poll()
        if status is not None:
            raise DemoError(f"{self.name} ended with status {status}; its last lines:\n{self.last_lines()}")

    def last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])

    def resident_bytes(self) -> int:
        """Its memory, with pages that it shares with others; 0 once it has ended."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * _PAGE_BYTES

    def end(self) -> None:
        """Ask it to end, and do not wait for it."""
        self._process.terminate()

    def wait(self) -> None:
        """Until it has ended, by force if it takes too long."""
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def end(children: Sequence[Child]) -> None:
    """End all: the first, on which the others depend, after these."""
    for some in (children[1:], children[:1]):
        for child in some:
            child.end()
        for child in some:
            child.wait()


def wait_until(
    child: Child, is_there: Callable[[], bool], stop: threading.Event, within_s: float = READY_S
) -> None:
    """Until it is there.

    Raises:
        DemoError: The child ends, or takes too long.
        Stopped: A signal came.
    """
    deadline = time.monotonic() + within_s
    while not is_there():
        child.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{child.name} is not ready after {within_s:g} s:\n{child.last_lines()}")
        if stop.wait(_LOOK_S):
            raise Stopped


def stratoscope(*words: str) -> list[str]:
    """The words that start what a user types as `stratoscope ...`."""
    return [sys.executable, "-m", "stratoscope", *words]


class Done(NamedTuple):
    """How a program ended."""

    status: int
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """The last line of what it said."""
        lines = [line.strip() for line in f"{self.output}\n{self.errors}".splitlines() if line.strip()]
        return lines[-1] if lines else f"status {self.status}"


def run(command: Sequence[str | Path], stop: threading.Event, within_s: float = READY_S) -> Done:
    """Run a program to its end.

    Raises:
        Stopped: A signal came; then it was ended with all that it had started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + within_s
    while True:
        try:
            output, errors = process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            is_late = time.monotonic() > deadline
            if not is_late and not stop.is_set():
                continue
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()
            if stop.is_set():
                raise Stopped from None
            return Done(1, "", f"it has not ended after {within_s:g} s")
        return Done(process.returncode, output, errors)
