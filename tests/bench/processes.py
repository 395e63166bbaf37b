"""Exporters as processes of their own, and what /proc says of them."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
STRATOSCOPE: Final = (sys.executable, "-m", "stratoscope", "hypervisor", "--web.listen-address=127.0.0.1:0")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Running:
    """A process that serves /metrics."""

    def __init__(self, pid: int, port: int, headers: Mapping[str, str] | None = None) -> None:
        """Args: headers: Of each request."""
        self.pid, self.port = pid, port
        self._headers = headers or {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str = "/metrics", **headers: str) -> bytes:
        """One scrape over a connection that is kept, as Prometheus does it; anew where it was idle long."""
        try:
            answer, body = self._answer(path, headers)
        except http.client.RemoteDisconnected:
            answer, body = self._answer(path, headers)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body

    def _answer(self, path: str, headers: Mapping[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            self._connection.request("GET", path, headers={**self._headers, **headers})
            answer = self._connection.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # so that the next one starts afresh
            raise

    def count(self, name: str) -> int:
        """How many series of this name a page has now."""
        return sum(line.startswith(f"{name}{{".encode()) for line in self.get().splitlines())

    def seconds(self) -> float:
        """Wall time of one scrape."""
        began = time.perf_counter()
        self.get()
        return time.perf_counter() - began

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        if found is None:
            raise RuntimeError(f"process {self.pid} has ended")
        return int(found.group(1)) * 1024

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@contextmanager
def exporter(
    config: str = "",
    *flags: str,
    command: Sequence[str] = STRATOSCOPE,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A Stratoscope exporter with this configuration, ready; ended afterwards. Args: headers: See Running."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stratoscope.yml")
        file.write_text(config)
        with (
            Path(folder, "log").open("w+") as log,
            subprocess.Popen([*command, f"--config.file={file}", *flags], stderr=log) as process,
        ):
            try:
                running = Running(process.pid, _port(process, Path(folder, "log")), headers)
                _wait(lambda: running.get("/-/ready"))
                yield running
            finally:
                process.send_signal(signal.SIGTERM)


@contextmanager
def served(command: Sequence[str], port: int) -> Iterator[Running]:
    """Another exporter on a known port."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            running = Running(process.pid, port)
            _wait(running.get)
            yield running
        finally:
            process.terminate()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    for _ in range(300):
        found = re.search(r"urls=http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found.group(1))
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"the exporter does not start: {log.read_text()[-500:]}")


def _wait(attempt: "object") -> None:
    for _ in range(300):
        try:
            attempt()  # type: ignore[operator]  # a call without arguments
        except (OSError, RuntimeError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the exporter does not answer")
