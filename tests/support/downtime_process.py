"""The downtime exporter as a process of its own, which is killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cloud.ports import free_port

_READY_S: Final = 30
_ENDED_S: Final = 20


class DowntimeProcess:
    """A process on a port of loopback, which it keeps when it is started again.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, folder: Path, *flags: str, **document: Any) -> None:
        """Args: document: Its configuration, with the section `downtime`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._flags = folder, flags
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        (folder / "downtime.yml").write_text(json.dumps(document))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "DowntimeProcess":
        """Returns once it is ready."""
        self.launch()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stratoscope", "downtime"),
                    f"--config.file={self._folder / 'downtime.yml'}",
                    f"--storage.path={self._folder / 'state'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """By SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def get(self, path: str = "/metrics") -> str:
        """The answer, which is one of success."""
        with urlopen(f"{self.url}{path}", timeout=30) as answer:  # noqa: S310 - http://127.0.0.1 only
            content: bytes = answer.read()
            return content.decode()

    def file(self, **draft: Any) -> Mapping[str, Any]:
        """File a downtime."""
        request = Request(f"{self.url}/api/v1/downtimes", json.dumps(draft).encode(), method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - http://127.0.0.1 only
            filed: Mapping[str, Any] = json.load(answer)
            return filed

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_S
        while not self._is_ready():
            assert self._process is not None
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        self._process.wait(_ENDED_S)

    def _is_ready(self) -> bool:
        try:
            return self.get("/-/ready") != ""
        except HTTPError as error:
            error.close()
            return error.code == HTTPStatus.UNAUTHORIZED  # it answers nobody without a log-in
        except (URLError, ConnectionError, TimeoutError):
            return False
