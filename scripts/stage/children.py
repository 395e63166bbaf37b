"""The programs of the demo: started, waited for, asked over HTTP, ended."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
BIN, TOOLS = ROOT / ".venv" / "bin", ROOT / "build" / "tools"
READY_TIMEOUT_S, STOP_TIMEOUT_S = 120, 5
LOG_LINES = 15


class DemoError(Exception):
    """Why the demo cannot be shown, in words for its user."""


class Child:
    """A program of the demo, in a session of its own: Ctrl-C reaches it through us only."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """Raises DemoError with the last lines of its log when it has ended."""
        status = self._process.poll()
        if status is not None:
            raise DemoError(f"{self.name} ended with status {status}; its last lines:\n{self.last_lines()}")

    def last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port(wanted: int, whose: str) -> int:
    """The port wanted, or a free one in its place."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found != wanted:
                print(f"port {wanted} is busy: {whose} takes {found}")
            return found
    raise DemoError("no free port on 127.0.0.1")


def get(url: str) -> bytes:
    """What the URL answers. Raises DemoError when it does not."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - http://127.0.0.1 only
            content: bytes = answer.read()
            return content
    except (URLError, OSError) as error:
        raise DemoError(f"{url}: {error}") from error


def is_ready(base: str) -> bool:
    try:
        get(f"{base}/-/ready")
    except DemoError:
        return False
    return True


def wait_until(
    child: Child, is_there: Callable[[], bool], stop: threading.Event, within_s: float = READY_TIMEOUT_S
) -> None:
    """Until it is there, or a signal came. Raises DemoError when the child ends, or takes too long."""
    deadline = time.monotonic() + within_s
    while not stop.is_set() and not is_there():
        child.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{child.name} is not ready after {within_s} s:\n{child.last_lines()}")
        stop.wait(0.1)


def start_exporter(folder: Path, name: str, config: Path, port: int, *more: str) -> Child:
    flags = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", *more]
    return Child(name, [BIN / "stratoscope", name, *flags], folder)
