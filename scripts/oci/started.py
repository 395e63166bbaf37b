"""Starts an exporter's image as Kubernetes would: as its user, on a root that is read-only, and scrapes it.

`buildah run` takes no entrypoint and has no read-only root: the first comes from the image, the second from
a mount namespace of our own. It has no cgroup, seccomp or network of its own either.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from cloud.folder import remove
from cloud.ports import free_port

from oci.folder import FOLDER, LOGS, ImagesError
from oci.store import Commit, Store

USER: Final = 65534
CONFIG, STATE = "/etc/stratoscope", "/var/lib/stratoscope"
STATEFUL: Final = frozenset({"vmprobe", "downtime"})
_LONGEST_S: Final = 120
_STEP_S: Final = 0.02
_READ_ONLY: Final = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs tmpfs "$1/run"
shift
exec "$@"
"""
_CLOUD: Final = "demo"


@dataclass(frozen=True, slots=True)
class Ready:
    """How long it took. Attributes: own_s: Without the time in which the process waited for a CPU."""

    seconds: float
    own_s: float


@contextmanager
def cloud(folder: Path) -> Iterator[None]:
    """The embedded OpenStack on loopback, and the configurations of all exporters in this folder."""
    folder.chmod(0o755)  # for the exporters' user
    clouds, port = folder / "clouds.yml", free_port()
    flags = ("--vms=50", f"--web.listen-address=127.0.0.1:{port}", f"--write-config={clouds}")
    command = [sys.executable, "-m", "stratoscope", "demo-cloud", *flags]
    with (LOGS / "cloud.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            _until(clouds.exists, "the embedded cloud does not start")
            _configure(folder, clouds.read_text())
            yield
        finally:
            process.terminate()


def _configure(folder: Path, clouds: str) -> None:
    """Each exporter's file, with paths of the container; requests wait for no budget."""
    block = yaml.safe_load(clouds.replace(f"{folder}/", f"{CONFIG}/"))
    for entry in block["clouds"]:
        entry["budget"] = {"requests_per_second": 1000}
    probe = {"name": "boot", "cloud": _CLOUD, "image": "cirros", "flavor": "t1.nano", "interval": "5m"}
    sections = {
        "management": {},
        "vmprobe": {"probes": [{**probe, "network": "astronomy-net"}]},
        "downtime": {"hosts_off": {"clouds": [_CLOUD]}},
    }
    for exporter, section in sections.items():
        (folder / f"{exporter}.yml").write_text(json.dumps({**block, exporter: section}))
    local = {"name": "here", "kind": "libvirt", "uri": "test:///default"}
    (folder / "hypervisor.yml").write_text(json.dumps({"clouds": [local]}))
    for file in folder.iterdir():
        file.chmod(0o644)


def scraped(store: Store, exporter: str, commit: Commit, configs: Path) -> Ready:
    """Start it, ask it all that Kubernetes and Prometheus would, and end it. Raises ImagesError."""
    log, port = LOGS / f"{exporter} started.log", free_port()
    state = FOLDER / "state"
    remove(state)
    state.mkdir()
    os.chown(state, USER, USER)
    with store.container(exporter) as (container, root), log.open("wb") as output:
        settings = store.settings(exporter)
        words = [*settings["Entrypoint"], *settings["Cmd"], f"--config.file={CONFIG}/{exporter}.yml"]
        words += [f"--web.listen-address=127.0.0.1:{port}"]
        words += [f"--storage.path={STATE}"] if exporter in STATEFUL else []
        mounts = (f"--volume={configs}:{CONFIG}:ro", f"--volume={state}:{STATE}")
        run = store.command("run", "--isolation=chroot", *mounts, container, "--", *words)
        read_only = ["unshare", "--mount", "--propagation", "private", "bash", "-ec", _READ_ONLY, "bash"]
        process = subprocess.Popen([*read_only, root, *run], stdout=output, stderr=output)
        try:
            ready = _asked(exporter, commit, port, process)
            _ended(port, process)
        except ImagesError as error:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            raise ImagesError(f"{exporter}: {error}:\n{last}") from error
        finally:
            process.kill()
            process.wait()
    return ready


def _asked(exporter: str, commit: Commit, port: int, process: "subprocess.Popen[bytes]") -> Ready:
    began = time.monotonic()

    def is_ready() -> bool:
        if process.poll() is not None:
            raise ImagesError(f"it ended with status {process.returncode}")
        return _answer(port, "/-/ready") == "ready"

    _until(is_ready, "it is not ready")
    seconds = time.monotonic() - began
    pid = _pid(port)
    waited_s = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    began_s = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    own_s = time.clock_gettime(time.CLOCK_BOOTTIME) - began_s / os.sysconf("SC_CLK_TCK") - waited_s
    _check_process(pid)
    if not _answer(port, "/-/healthy"):
        raise ImagesError("/-/healthy does not answer")
    _check_page(_answer(port, "/metrics").splitlines(), exporter, commit)
    return Ready(seconds, own_s)


def _check_page(page: Sequence[str], exporter: str, commit: Commit) -> None:
    """It has the exporter's name and version, and its collectors succeed."""
    info = " ".join(line for line in page if line.startswith("stratoscope_build_info{"))
    if f'exporter="{exporter}"' not in info or f'version="{commit.version}"' not in info:
        raise ImagesError(f"/metrics has {info or 'no stratoscope_build_info'}")
    success = [line for line in page if line.startswith("stratoscope_collector_success{")]
    if not success:
        raise ImagesError("/metrics has no collector")
    if failed := [line for line in success if float(line.rpartition(" ")[2]) != 1]:
        raise ImagesError(f"collectors failed: {failed}")


def _check_process(pid: int) -> None:
    """It has the image's user, no capability, and no root that it could write to."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    users = {*status["Uid"].split(), *status["Gid"].split()}
    if users != {str(USER)}:
        raise ImagesError(f"it runs as {users}")
    if int(status["CapEff"], 16):
        raise ImagesError(f"it has capabilities: {status['CapEff']}")
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    if not any(mount[4] == "/" and "ro" in mount[5].split(",") for mount in mounts):
        raise ImagesError("its root can be written to")


def _ended(port: int, process: "subprocess.Popen[bytes]") -> None:
    os.kill(_pid(port), signal.SIGTERM)
    try:
        status = process.wait(_LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise ImagesError("it does not end on SIGTERM") from error
    if status:
        raise ImagesError(f"it ended on SIGTERM with status {status}")


def _pid(port: int) -> int:
    """Of the exporter itself, below buildah's own processes with the same words."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            program = (folder / "exe").readlink().name
        except OSError:  # it ended meanwhile, or is one of the kernel's
            continue
        if f"--web.listen-address=127.0.0.1:{port}".encode() in words and program.startswith("python"):
            return int(folder.name)
    raise ImagesError("its process is not found")


def _answer(port: int, path: str) -> str:
    """The answer's text; "" where there is none, or not 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text.strip()
    except OSError:
        return ""


def _until(is_so: Callable[[], bool], words: str) -> None:
    ends = time.monotonic() + _LONGEST_S
    while not is_so():
        if time.monotonic() > ends:
            raise ImagesError(f"{words} within {_LONGEST_S} s")
        time.sleep(_STEP_S)
