"""Tries an installed package outside the clone: each exporter starts, and shows its pages."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import yaml

SECTIONS: Final[Mapping[str, object]] = {
    "hypervisor": {},
    "management": {},
    "vmprobe": {
        "probes": [
            {"name": "boot", "cloud": "demo", "os_cloud": "user1", "flavor": "t1.nano", "image": "cirros"}
        ]
    },
    "downtime": {},
}
"""By exporter: its section of the one configuration."""
KEEPS_STATE: Final = ("vmprobe", "downtime")
PAGES: Final = ("/", "/static/style.css", "/-/healthy", "/metrics")
READY_S: Final = 120
_TYPED: Final = "import sys; from stratoscope.__main__ import main; sys.exit(main(sys.argv[1:]))"
_ANSWER_S: Final = 30
_LISTENING: Final = re.compile(r"msg=listening urls=(\S+)")


def faults(python: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """What each exporter of an installed package lacks, in a line each.

    Args:
        python: The interpreter that has the package.
        folder: An empty folder outside the clone, where all is started.
        environment: Of the programs.
    """
    with ExitStack() as stack:

        def start(name: str, *flags: str) -> "_Program":
            command = [str(python), "-c", _TYPED, name, *flags]
            return stack.enter_context(_started(name, command, folder, environment))

        clouds = folder / "clouds.yml"
        cloud = start("demo-cloud", f"--write-config={clouds}")
        if not cloud.until(clouds.exists):
            yield f"demo-cloud: it has not started: {cloud.log}"
            return
        config = _configuration(clouds, folder)
        for exporter in SECTIONS:
            state = [f"--storage.path={folder / exporter}"] if exporter in KEEPS_STATE else []
            yield from _of_pages(start(exporter, f"--config.file={config}", *state))


def _configuration(clouds: Path, folder: Path) -> Path:
    """One for all exporters: the embedded cloud, and libvirt's driver for tests, which needs no daemon."""
    cloud = yaml.safe_load(clouds.read_text())["clouds"]
    libvirt = {"name": "lab", "kind": "libvirt", "uri": "test:///default"}
    file = folder / "stratoscope.yml"
    file.write_text(json.dumps({"clouds": [*cloud, libvirt], **SECTIONS}))  # YAML reads JSON
    return file


def _of_pages(exporter: "_Program") -> Iterator[str]:
    if not exporter.until(lambda: exporter.page("/-/ready").startswith("200 ")):
        yield f"{exporter.name}: it is not ready: {exporter.page('/-/ready')}: {exporter.log}"
        return
    pages = {path: exporter.page(path) for path in PAGES}
    for path, said in pages.items():
        if not said.startswith("200 "):
            yield f"{exporter.name}: {path}: {said}"
    if "stratoscope_build_info{" not in pages["/metrics"]:
        yield f"{exporter.name}: /metrics has no stratoscope_build_info"


class _Program:
    """A process that listens on some port of loopback, and says which."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", file: Path) -> None:
        self.name, self._process, self._file = name, process, file

    @property
    def log(self) -> str:
        """The end of what it said."""
        return self._file.read_text()[-1000:]

    def page(self, path: str) -> str:
        """The status and the text; why there is none."""
        listening = _LISTENING.search(self._file.read_text())
        if listening is None:
            return "it does not listen"
        try:
            with urlopen(f"{listening[1]}{path}", timeout=_ANSWER_S) as answer:  # noqa: S310 - loopback
                return f"{answer.status} {answer.read().decode()}"
        except HTTPError as error:
            error.close()
            return str(error.code)
        except (URLError, ConnectionError, TimeoutError) as error:
            return str(error)

    def until(self, holds: Callable[[], bool]) -> bool:
        """Whether it holds before the process ends or the time is over."""
        deadline = time.monotonic() + READY_S
        while not holds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def _started(
    name: str, command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[_Program]:
    log = folder / f"{name}.log"
    command.append("--web.listen-address=127.0.0.1:0")
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder, env=environment)
    try:
        yield _Program(name, process, log)
    finally:
        process.terminate()
        process.wait()
