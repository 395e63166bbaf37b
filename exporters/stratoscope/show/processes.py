"""Processes of the demo: none outlives it, however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple, TypeAlias

from stratoscope.show.terminal import Stop, Stopped

READY_S: Final = 120
"""How long a program may take to start, on a machine that is busy."""
LOOK_S: Final = 0.1
_STOP_S: Final = 5
_GONE_S: Final = 20
"""After SIGKILL, unless the kernel holds it: on a machine that is busy."""
_PR_SET_PDEATHSIG: Final = 1
_WITHOUT_PROXY: Final = "127.0.0.1,localhost"
_NOT_FOUND: Final = 127
"""A shell's status for a program that is not there."""
Words: TypeAlias = Sequence[str | Path]
"""They start a program."""
Process: TypeAlias = "subprocess.Popen[bytes]"


def stratoscope(*words: str) -> list[str]:
    """The words that start what a user types as `stratoscope ...`."""
    return [sys.executable, "-m", "stratoscope", *words]


def begin(command: Words, output: IO[bytes], errors: IO[bytes]) -> Process:
    """Start a program in a session of its own: Ctrl-C reaches it through us only. Raises OSError."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=_environment(),
        start_new_session=True,
        preexec_fn=_ends_with_us(),  # noqa: PLW1509 - the demo has no other thread
    )


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


def end(*some: Process) -> None:
    """End them with all that they have started, at once: by SIGTERM, and 5 s later by SIGKILL."""
    for process in some:
        _tell(process, signal.SIGTERM)
    for process in some:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
        _tell(process, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GONE_S)


def _tell(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


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


def run(command: Words, stop: Stop, within_s: float = READY_S) -> Done:
    """Run a program to its end; one that takes too long, or is under way when a signal comes, is ended.

    Raises:
        Stopped: A signal came.
    """
    with TemporaryFile() as output, TemporaryFile() as errors:
        try:
            process = begin(command, output, errors)
        except OSError as error:
            return Done(_NOT_FOUND, "", f"{command[0]}: {error.strerror}")
        until = time.monotonic() + within_s
        while process.poll() is None and time.monotonic() < until:
            if stop.wait(LOOK_S):
                end(process)
                raise Stopped
        if process.poll() is None:
            end(process)
            return Done(1, "", f"it has not ended after {within_s:g} s")
        return Done(process.returncode, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
