"""An exporter as a process of its own, which is reconfigured, killed, frozen and started again."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from cloud.ports import free_port

_READY_S: Final = 180
_ENDED_S: Final = 30
_ANY: Final = ssl._create_unverified_context()  # noqa: S323 - loopback


class ExporterProcess:
    """A process on a port of loopback, which it keeps when it is started again.

    Attributes:
        name: Of the exporter.
        url: Where it listens.
        certificate: Of its TLS, with the key.
        document: Its configuration.
        environment: What it is started with beside our own.
        flags: The same of its command line.
        state: The folder that it is given with `has_state`.
    """

    def __init__(
        self, name: str, folder: Path, document: Any, *, has_state: bool = False, has_tls: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self._folder, self.document = name, folder, document
        self.environment: dict[str, str] = {}
        self.state = folder / "state"
        self.flags = [f"--storage.path={self.state}"] if has_state else []
        self.certificate = folder / "server.pem"
        if has_tls:
            web = {"tls_server_config": dict.fromkeys(("cert_file", "key_file"), self.certificate.name)}
            (folder / "web.yml").write_text(json.dumps(web))
            self.flags.append(f"--web.config.file={folder / 'web.yml'}")
        self._port = free_port()
        self.url = f"http{'s' if has_tls else ''}://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> "ExporterProcess":
        """Start it, and do not wait for it."""
        self._write()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stratoscope", self.name),
                    f"--config.file={self._file}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    *self.flags,
                ],
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )
        return self

    def wait(self) -> None:
        """Until it is ready."""
        deadline = time.monotonic() + _READY_S
        while not self._is_ready():
            assert self._running.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def reload(self, document: Any) -> None:
        """Give it another configuration, right or wrong."""
        self.document = document
        self._write()
        self.signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._process.wait(_ENDED_S)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What its API answers."""
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", content, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    @property
    def _file(self) -> Path:
        return self._folder / "stratoscope.yml"

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _write(self) -> None:
        self._file.write_text(json.dumps(self.document))  # YAML reads JSON

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5, context=_ANY):  # noqa: S310 - loopback
                return True
        except (URLError, ConnectionError, TimeoutError):
            return False
