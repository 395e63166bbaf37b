"""Unpacks Debian's own OpenStack into a folder: no maintainer script runs, nothing of it is installed here.

Installing the same packages by apt takes ten times as long: it byte-compiles what nobody imports.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from cloud import inside
from cloud.folder import FOLDER, REPOSITORY, ROOT, CloudError, remove

SUITE = "trixie"
BASE = (
    *(
        "bash",
        "coreutils",
        "dash",
        "findutils",
        "grep",
        "hostname",
        "libc-bin",
        "mawk",
        "procps",
        "python3",
        "sed",
    ),
    *("mariadb-server", "rabbitmq-server", "memcached", "uwsgi-plugin-python3"),
    *("python3-openstackclient", "python3-osc-placement"),  # for those who check
)
# No package nova-compute: it needs a hypervisor; its program is in python3-nova.
OPENSTACK = (
    *("keystone", "glance-api", "placement-api", "nova-api", "nova-conductor", "nova-scheduler"),
    *("neutron-api", "neutron-rpc-server", "cinder-api", "cinder-scheduler"),
)
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "usr/bin/awk": "mawk"}
"""What packages leave to their maintainer scripts."""
MOUNT_POINTS = ("dev", "proc", "sys", "data", "code", "run", "root", "tmp")
STAMP = ROOT / ".complete"


def are_there() -> bool:
    """Whether `ROOT` is complete, and what this version wants."""
    return STAMP.exists() and STAMP.read_text() == _fingerprint()


def unpack() -> None:
    """Make `ROOT`; nothing may run in the one before. Raises CloudError."""
    subprocess.run(
        [REPOSITORY / "scripts" / "apt-install", "mmdebstrap", "debian-archive-keyring"], check=True
    )
    new = FOLDER / "root.new"
    remove(new)
    log = FOLDER / "packages.log"
    include = ",".join((*BASE, *OPENSTACK))
    # In a mount namespace of its own: what it mounts goes when it goes.
    mmdebstrap = ("unshare", "--mount", "--propagation", "private", "mmdebstrap", "--mode=root")
    options = ("--variant=extract", "--components=main", f"--include={include}")
    with log.open("wb") as output:
        done = subprocess.run(
            [*mmdebstrap, *options, SUITE, new, mirror()], stdout=output, stderr=output, check=False
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise CloudError(f"mmdebstrap ended with status {done.returncode}:\n{last}")
    for link, target in LINKS.items():
        if not os.path.lexists(new / link):
            (new / link).symlink_to(target)
    for folder in MOUNT_POINTS:
        (new / folder).mkdir(exist_ok=True)
    (new / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (new / "etc/group").write_text("root:x:0:\n")
    authorities = sorted((new / "usr/share/ca-certificates").rglob("*.crt"))
    (new / "etc/ssl/certs/ca-certificates.crt").write_bytes(b"".join(one.read_bytes() for one in authorities))
    (new / "etc/ld.so.conf").write_text(_library_folders(new))
    inside.run("ldconfig", root=new)
    (new / STAMP.name).write_text(_fingerprint())
    remove(ROOT)
    new.rename(ROOT)


def mirror() -> str:
    """The Debian mirror of this machine's own apt, or STRATOSCOPE_MIRROR."""
    if given := os.environ.get("STRATOSCOPE_MIRROR"):
        return given
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"]
    for uri in subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise CloudError(f"apt has no mirror of Debian here: name one that has {SUITE} in STRATOSCOPE_MIRROR")


def _library_folders(root: Path) -> str:
    """Those of the linker, and those that update-alternatives would choose from."""
    folders = [f"/{path.relative_to(root)}" for path in root.glob("usr/lib/*-linux-gnu*")]
    return "".join(f"{folder}\n{folder}/blas\n{folder}/lapack\n" for folder in folders)


def _fingerprint() -> str:
    """Changes with what is unpacked, and how."""
    chosen = (SUITE, *BASE, *OPENSTACK, *map(str, LINKS.items()), *MOUNT_POINTS)
    return hashlib.sha256("\n".join(chosen).encode()).hexdigest()
