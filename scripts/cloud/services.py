"""The processes of the cloud: started in the background, found again and stopped by process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cloud import inside
from cloud.folder import LOG, RUN, CloudError

START_TIMEOUT_S, READY_TIMEOUT_S, STOP_TIMEOUT_S = 20, 180, 15
_DETACHED = """
printf '%s %s\\n' "$$" "$(cut -d ' ' -f 22 /proc/$$/stat)" >"$1.new"
mv "$1.new" "$1"
shift
exec "$@"
"""
"""Notes its own process id, which exec keeps, and the moment of its start, and becomes the service."""


@dataclass(frozen=True)
class Service:
    """A program inside.

    Attributes:
        port: On which it listens once it works; None where it listens nowhere.
        is_api: It speaks HTTP there.
        environment: Beside inside.ENVIRONMENT.
    """

    name: str
    command: Sequence[str]
    port: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    is_api: bool = False


def start(service: Service) -> None:
    """Start it, as the leader of a session of its own, unless it runs. Raises CloudError."""
    if is_alive(service.name):
        return
    file = _pid_file(service.name)
    file.unlink(missing_ok=True)
    environment = inside.ENVIRONMENT | dict(service.environment)
    command = inside.command(*service.command, environment=environment)
    with (LOG / f"{service.name}.log").open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "sh", "-ec", _DETACHED, "sh", file, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise CloudError(f"{service.name} was not started: see {LOG}/{service.name}.log")
        time.sleep(0.01)


def wait_until_ready(service: Service, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Until it answers on its port. Raises CloudError when it ends or takes too long."""
    deadline = time.monotonic() + timeout_s
    while not (service.port is None or answers(service)):
        check_alive(service.name)
        if time.monotonic() > deadline:
            raise CloudError(f"{service.name} does not answer; {_last_words(service.name)}")
        time.sleep(0.1)


def answers(service: Service, timeout_s: float = 5) -> bool:
    """Whether it takes a connection or, being an API, answers a request, whatever it says."""
    if service.port is None:
        return False
    try:
        with socket.create_connection(("127.0.0.1", service.port), timeout_s) as connection:
            if service.is_api:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return connection.recv(5) == b"HTTP/"
            return True
    except OSError:
        return False


def check_alive(name: str) -> None:
    """Raises CloudError with its last words when it has ended."""
    if not is_alive(name):
        raise CloudError(f"{name} ended; {_last_words(name)}")


def _last_words(name: str) -> str:
    file = LOG / f"{name}.log"
    lines = file.read_text(errors="replace").splitlines()[-15:]
    return "\n".join((f"the last lines of {file}:", *lines))


def is_alive(name: str) -> bool:
    return pid(name) is not None


def pid(name: str) -> int | None:
    """Of the service that we started; None when that has ended, whoever has its process id now."""
    try:
        number, started = _pid_file(name).read_text().split()
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    is_it = fields[19] == started and fields[0] != "Z"
    return int(number) if is_it else None


def send(name: str, number: signal.Signals) -> None:
    """A signal for all processes of a service. Raises CloudError when it does not run."""
    leader = pid(name)
    if leader is None:
        raise CloudError(f"{name} does not run")
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def stop(*names: str) -> None:
    """End services: SIGTERM, and SIGKILL for those that have not ended in time."""
    running = {name: leader for name in names if (leader := pid(name)) is not None}
    for number, timeout_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
        for leader in running.values():
            for each in (number, signal.SIGCONT):  # one that is held hears nothing else
                with suppress(ProcessLookupError):
                    os.killpg(leader, each)
        deadline = time.monotonic() + timeout_s
        while any(map(_has_processes, running.values())) and time.monotonic() < deadline:
            time.sleep(0.05)
    left = [name for name, leader in running.items() if _has_processes(leader)]
    if left:
        raise CloudError(f"not ended by SIGKILL: {', '.join(left)}")
    for name in names:
        _pid_file(name).unlink(missing_ok=True)


def started() -> list[str]:
    """The names of all that were started here and not stopped."""
    return sorted(file.stem for file in RUN.glob("*.pid"))


def _has_processes(group: int) -> bool:
    """Whether a process of the group lives; zombies wait for whoever adopted them."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, group_of, *_ = stat.read_text().rpartition(")")[2].split()
            if int(group_of) == group and state != "Z":
                return True
    return False


def _pid_file(name: str) -> Path:
    return RUN / f"{name}.pid"
