"""A real Alertmanager, as scripts/get-debian unpacked it; also one that is killed and started again."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from cloud.ports import free_port

from support import debian
from support.debian import ROOT

QUIET: Final = "route: {receiver: none}\nreceivers: [{name: none}]\n"
"""A configuration that notifies nobody."""

_READY_S: Final = 20


def unpacked(suite: str) -> Path:
    """The folder of a suite's Alertmanager; downloaded if it is not there yet."""
    return debian.unpacked("alertmanager", suite)


class RealAlertmanager:
    """A process on a port of loopback, which it keeps when it is started again.

    Attributes:
        url: Of its API.
        peer: The address of its gossip; "" without.
    """

    def __init__(self, tools: Path, folder: Path, *flags: str, config: str = QUIET, peer: str = "") -> None:
        """Args: peer: The port for gossip with others, on loopback, that `flags` name; "" for none."""
        self._tools, self._folder = tools, folder
        self._port = free_port()
        self.url, self.peer = f"http://127.0.0.1:{self._port}", peer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alertmanager.yml").write_text(config)
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, is_open: bool = True) -> "RealAlertmanager":
        """Args: is_open: False: it answers nobody without a log-in."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _READY_S
        while not self._is_ready(is_open=is_open):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """By SIGKILL: what is not in its snapshot is lost."""
        self.signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._ended()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def amtool(self, *arguments: str) -> str:
        command = [str(self._tools / "usr/bin/amtool"), f"--alertmanager.url={self.url}", *arguments]
        return subprocess.check_output(command, text=True)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def forget(self) -> None:
        """Its snapshot, too: only while it is not running."""
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(_READY_S)

    def _command(self) -> Sequence[str | Path]:
        return [
            ROOT / "scripts/run-alertmanager",
            self._tools,
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            f"--cluster.listen-address={self.peer}",
            *self._flags,
        ]

    def _is_ready(self, *, is_open: bool) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=1):  # noqa: S310 - http://127.0.0.1 only
                return True
        except HTTPError as error:
            error.close()
            return not is_open
        except (URLError, ConnectionError, TimeoutError):
            return False


@contextmanager
def cluster(tools: Path, folder: Path) -> Iterator[Sequence[RealAlertmanager]]:
    """Two members that gossip."""
    peers = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    quick = ("--cluster.settle-timeout=0s", "--cluster.gossip-interval=50ms")
    pair = [
        RealAlertmanager(tools, folder / str(n), *quick, f"--cluster.peer={peers[1 - n]}", peer=peers[n])
        for n in range(2)
    ]
    try:
        for one in pair:
            one.start()
        yield pair
    finally:
        for one in pair:
            one.stop()
