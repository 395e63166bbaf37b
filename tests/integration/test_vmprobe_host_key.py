"""The host key of a real OpenSSH, and what the real cloud-init writes of it.

Both packages are unpacked and not installed: that would start a server on this machine.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cloud.ports import free_port

from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.steps.reachable import Reachable, Reaching
from support.reaching import underway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PACKAGES = ("openssh-server", "libwrap0", "cloud-init")
KINDS = ("rsa", "ecdsa", "ed25519")
NOBODY = "65534"
HERE = underway("127.0.0.1")
FINGERPRINTS = """<14>cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>cloud-init: {}<14>cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
"""
"""As cloud-init writes them where there is a syslog."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that nobody may enter: pytest's own are root's."""
    with tempfile.TemporaryDirectory(prefix="stratoscope-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def unpacked(folder: Path) -> Path:
    command("apt-get", "-qq", "update")
    command("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES, cwd=folder)
    for package in folder.glob("*.deb"):
        command("dpkg", "-x", package, folder)
    return folder


@pytest.fixture(scope="module")
def keys(folder: Path) -> Path:
    """A folder with a key of each kind, as a VM's sshd has them."""
    keys = folder / "vm"
    keys.mkdir()
    for kind in KINDS:
        make_key(keys, kind)
    return keys


def command(*words: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def make_key(folder: Path, kind: str) -> Path:
    file = folder / f"ssh_host_{kind}_key"
    command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "root@vm", "-f", file)
    os.chown(file, int(NOBODY), int(NOBODY))
    return file


def in_place_of(mounts: dict[str, Path], words: Sequence[str | Path]) -> list[str]:
    """The command with these folders in place of the machine's, for itself alone."""
    mounting = "".join(f"mount --bind '{ours}' {its} && " for its, ours in mounts.items())
    return ["unshare", "--mount", "sh", "-c", f'{mounting}exec "$@"', "sh", *map(str, words)]


def written_by_cloud_init(unpacked: Path, keys: Path) -> str:
    script = unpacked / "usr/lib/cloud-init/write-ssh-key-fingerprints"
    return command(*in_place_of({"/etc/ssh": keys}, [script, "", "ssh-dss"]))


@asynccontextmanager
async def sshd(unpacked: Path, *files: Path) -> AsyncIterator[int]:
    port = free_port()
    options = ["-D", "-e", "-f", "/dev/null", "-p", f"{port}", "-o", "ListenAddress=127.0.0.1"]
    keys = [word for file in files for word in ("-h", file)]
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    env = ["env", f"LD_LIBRARY_PATH={libraries(unpacked)}"]
    words = [*user, *env, unpacked / "usr/sbin/sshd", *options, *keys]
    mounts = {"/usr/lib/openssh": unpacked / "usr/lib/openssh"}
    process = await asyncio.create_subprocess_exec(*in_place_of(mounts, words))
    try:
        await listening(port)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def libraries(unpacked: Path) -> str:
    return ":".join(map(str, unpacked.glob("**/lib/*-linux-gnu")))


async def listening(port: int) -> None:
    async with asyncio.timeout(10):
        while not await Reaching(Reachable(tcp=port, banner="SSH-2.0-OpenSSH")).has_ended(HERE):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)


def comparing(port: int, log: str) -> Reaching:
    async def console_log(_: str) -> str:
        return log

    return Reaching(Reachable(ssh=port), console_log=console_log)


async def test_openssh_shows_a_key_that_cloud_init_has_written(unpacked: Path, keys: Path) -> None:
    log = written_by_cloud_init(unpacked, keys)
    files = [keys / f"ssh_host_{kind}_key" for kind in KINDS]
    async with sshd(unpacked, *files) as port:
        assert await comparing(port, log).has_ended(HERE), log
    for file in files:
        fingerprint = command("ssh-keygen", "-l", "-f", file)
        async with sshd(unpacked, file) as port:
            assert await comparing(port, log).has_ended(HERE), file.name
            assert await comparing(port, FINGERPRINTS.format(fingerprint)).has_ended(HERE), file.name


async def test_openssh_of_another_machine_is_told_from_the_vm(unpacked: Path, keys: Path) -> None:
    log = written_by_cloud_init(unpacked, keys)
    other = make_key(unpacked, "ed25519")
    async with sshd(unpacked, other) as port:
        assert not await comparing(port, "vm login: ").has_ended(HERE)
        with pytest.raises(StepError, match="is not the VM: its SSH host key") as error:
            await comparing(port, log).has_ended(HERE)
    assert error.value.reason is RunReason.NETWORK
