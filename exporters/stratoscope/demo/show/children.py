"""The programs of the demo: started, waited for, ended. None of them outlives the demo, however that ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

READY_S: Final = 120
"""How long a program may take to start, on a machine that is busy."""
_STOP_S: Final = 5
_GONE_S: Final = 20
"""After SIGKILL, unless the kernel holds it: on a machine that is busy."""
_LOOK_S: Final = 0.1
_LOG_LINES: Final = 15
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_PR_SET_PDEATHSIG: Final = 1
_WITHOUT_PROXY: Final = "127.0.0.1,localhost"
_NOT_FOUND: Final = 127
"""A shell's status for a program that is not there."""


class DemoError(Exception):
    """Why the demo cannot be shown, in words for its user."""


class Stopped(BaseException):
    """A signal came. No Exception, so that nobody takes it for a failure of what was under way."""


def _ends_with_us() -> Callable[[], None] | None:
    """What a new process calls before its program: Linux kills it once the demo has ended, even by SIGKILL.

    Elsewhere None. Start programs in the main thread: Linux takes the end of the thread for the demo's.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    demo = os.getpid()

    def before() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != demo:  # it ended meanwhile
            os._exit(1)

    return before


def _environment() -> dict[str, str]:
    """Ours, but programs on loopback are reached without a proxy; apt keeps it."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    none_for = known if known.strip() == "*" else ",".join(filter(None, (known, _WITHOUT_PROXY)))
    return {**os.environ, "no_proxy": none_for, "NO_PROXY": none_for}


class Child:
    """A program of the demo, in a session of its own: Ctrl-C reaches it through us only.

    Attributes:
        name: Of its file of messages, and in what is said of it.
        log: Its file of messages.
        pid: Of its process.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
                preexec_fn=_ends_with_us(),  # noqa: PLW1509 - the demo has no other thread
            )
        self.pid = self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def check(self) -> None:
        """Raises DemoError: It has ended; with the last lines of what it said."""
        status = self._process.poll()
        if status is not None:
            said = self.last_lines()
            words = f"its last lines:\n{said}" if said else "it had said nothing"
            raise DemoError(f"{self.name} ended with status {status}; {words}")

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])

    def resident_bytes(self) -> int:
        """Its memory, with pages that it shares with others; 0 once it has ended."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
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


def end(children: Sequence[Child], needed: int = 1) -> None:
    """End all: the first ones, on which the others depend, after these. Args: needed: How many they are."""
    for some in (children[needed:], children[:needed]):
        for child in some:
            child.end()
        for child in some:
            child.wait()


def wait_until(
    child: Child, is_there: Callable[[], bool], stop: threading.Event, within_s: float = READY_S
) -> None:
    """Until it is there, while the child lives.

    Raises:
        DemoError: The child ends, or takes too long.
        Stopped: A signal came.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = is_there()
        child.check()  # after the question: a program that has ended was not what answered
        if found:
            return
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

    A program that takes too long, or is under way when a signal comes, is ended with all that it has started:
    by SIGTERM, and 5 s later by SIGKILL.

    Raises:
        Stopped: A signal came.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            start_new_session=True,
            preexec_fn=_ends_with_us(),  # noqa: PLW1509 - the demo has no other thread
        )
    except OSError as error:
        return Done(_NOT_FOUND, "", f"{command[0]}: {error.strerror}")
    deadline = time.monotonic() + within_s
    while True:
        try:
            output, errors = process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            is_late = time.monotonic() > deadline
            if not is_late and not stop.is_set():
                continue
            _end_group(process)
            if stop.is_set():
                raise Stopped from None
            return Done(1, "", f"it has not ended after {within_s:g} s")
        return Done(process.returncode, output, errors)


def _end_group(process: "subprocess.Popen[str]") -> None:
    """End a program and all that it has started, by force after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):  # who has left the group may keep its output open
            process.communicate(timeout=_STOP_S)
            return
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GONE_S)
