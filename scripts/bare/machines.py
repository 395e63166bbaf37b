"""Which machines a newcomer may have, and how one is made: by mmdebstrap, with apt and what it needs."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.folder import remove
from cloud.packages import mirror

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "build" / "newcomer"
USER, USER_ID = "newcomer", 1000
KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
PIP_KEYS = ("index-url", "extra-index-url", "proxy", "trusted-host", "timeout", "cert")
"""What of this machine's own pip configuration says how the network is reached."""
AUTHORITIES = "/etc/pip-authorities.crt"
APT_KEYS = r"Acquire::(?:https?::|Check-)[^\n]*\n"
"""The same of apt's."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine.

    Attributes:
        suite: The release that it has.
        user: Who types: root or `USER`.
        pips: The versions of pip that each file of requirements/ is tried with; empty is the newest.
    """

    name: str
    suite: str
    user: str
    pips: Sequence[str] = ()

    @property
    def root(self) -> Path:
        return FOLDER / "roots" / self.name

    @property
    def home(self) -> str:
        return "/root" if self.user == "root" else f"/home/{self.user}"

    @property
    def packages(self) -> Path:
        """Packages of apt that were downloaded, kept from run to run."""
        return FOLDER / "cache" / self.suite / "apt"

    @property
    def downloads(self) -> Path:
        """What pip downloaded, kept from run to run."""
        return FOLDER / "cache" / self.suite / self.user


MACHINES = (
    Machine("debian-12-root", "bookworm", "root"),
    Machine("debian-12-user", "bookworm", USER, pips=("22.3", "")),
    Machine("debian-13-user", "trixie", USER, pips=("",)),
    Machine("ubuntu-24.04-user", "noble", USER, pips=("",)),
    Machine("ubuntu-26.04-user", "resolute", USER, pips=("",)),
)
UBUNTU = ("noble", "resolute")


def make(machine: Machine, log: Path) -> None:
    """The machine, as if it had just been installed. Raises CalledProcessError."""
    archive = FOLDER / "bases" / f"{machine.suite}.tar"
    if not archive.exists():
        _bootstrap(machine.suite, archive, log)
    remove(machine.root)
    machine.root.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", machine.root], check=True)
    _connect(machine.root)
    owner = 0
    if machine.user != "root":
        owner = USER_ID
        add = ("useradd", "--create-home", "--shell=/bin/bash", f"--uid={USER_ID}", machine.user)
        subprocess.run(["chroot", machine.root, *add], check=True)
    for kept in (machine.packages / "partial", machine.downloads):
        kept.mkdir(parents=True, exist_ok=True)
    os.chown(machine.downloads, owner, owner)
    shutil.rmtree(machine.downloads / "pip" / "wheels", ignore_errors=True)  # each machine builds its own
    for folder in (machine.root / "var/cache/apt/archives", machine.root / machine.home[1:] / ".cache"):
        folder.mkdir(parents=True, exist_ok=True)


def _bootstrap(suite: str, archive: Path, log: Path) -> None:
    """Debian from this machine's own mirror, Ubuntu from where mmdebstrap knows it to be."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    new = archive.with_suffix(".new.tar")
    sources = ["--components=main,universe", f"--keyring={_ubuntus_keyring(log)}"] if suite in UBUNTU else []
    options = ["--mode=root", "--variant=minbase", "--include=apt", *sources]
    mmdebstrap([*options, suite, new, *([] if suite in UBUNTU else [mirror()])], log)
    new.rename(archive)


def _ubuntus_keyring(log: Path) -> Path:
    """From Debian 13's package: Debian 12 has none."""
    folder = FOLDER / "keys"
    if not (folder / KEYRING).exists():
        remove(folder)
        options = ["--mode=root", "--variant=extract", "--include=ubuntu-keyring"]
        mmdebstrap([*options, "trixie", folder, mirror()], log)
    return folder / KEYRING


def mmdebstrap(arguments: Sequence[str | Path], log: Path, **environment: str) -> None:
    """In a mount namespace of its own: what it mounts goes when it goes. Raises CalledProcessError."""
    network = log.with_suffix(".apt.conf")
    network.write_text(apt_settings())
    command = ["unshare", "--mount", "--propagation", "private", "mmdebstrap", f"--aptopt={network}"]
    with log.open("ab") as output:
        subprocess.run(
            [*command, *arguments],
            env=os.environ | environment,
            stdout=output,
            stderr=output,
            check=True,
        )


def _connect(root: Path) -> None:
    """It reaches the network as this machine does: resolver, apt's proxy, pip's registry and authorities."""
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).unlink(missing_ok=True)
        shutil.copyfile(f"/etc/{name}", root / "etc" / name)
    (root / "etc/apt/apt.conf.d/99network").write_text(apt_settings())
    text, authorities = pip_conf()
    (root / "etc/pip.conf").write_text(text)
    if authorities:
        shutil.copyfile(authorities, root / AUTHORITIES[1:])


def apt_settings() -> str:
    """How apt reaches the network here."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return "".join(re.findall(f"(?m)^{APT_KEYS}", dump))


def pip_conf() -> tuple[str, str]:
    """What lets pip reach the network as it does here; our file of authorities, to stand at `AUTHORITIES`."""
    command = (REPOSITORY / ".venv/bin/python", "-m", "pip", "config", "list")
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    settings = {key.rpartition(".")[2]: ast.literal_eval(value) for key, _, value in pairs}
    authorities = settings.get("cert", "")
    if authorities:
        settings["cert"] = AUTHORITIES
    lines = [f"{key} = {settings[key]}\n" for key in PIP_KEYS if key in settings]
    return "".join(["[global]\n", *lines]), authorities
