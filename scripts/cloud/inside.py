"""Runs programs inside the unpacked Debian.

Each has a mount namespace of its own: /dev, /proc, /sys and our folders are mounted for it alone and are gone
when it ends, however it ends. The host's mount table never changes.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloud.folder import DATA, REPOSITORY, ROOT, CloudError

CODE = REPOSITORY / "scripts" / "cloud" / "payload"
_MOUNT = """
root=$1 data=$2 code=$3
shift 3
for folder in dev proc sys; do mount --rbind "/$folder" "$root/$folder"; done
mount --bind "$data" "$root/data"
mount --bind "$code" "$root/code"
mount -o remount,bind,ro "$root/code"
exec chroot "$root" "$@"
"""
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin",
    "LANG": "C.UTF-8",
    "HOME": "/data/etc",  # where oslo.config looks for <project>.conf
    "PYTHONWARNINGS": "ignore",
    "OS_GLANCE_CONFIG_DIR": "/data/etc",
    "OS_KEYSTONE_CONFIG_DIR": "/data/etc",
    "OS_PLACEMENT_CONFIG_DIR": "/data/etc",
    "OS_NOVA_CONFIG_DIR": "/data/etc",
    "OS_NOVA_CONFIG_FILES": "/usr/share/nova-common/api-paste.ini;nova.conf",
    "OS_NEUTRON_CONFIG_DIR": "/data/etc",
    "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
    "OS_CLIENT_CONFIG_FILE": "/data/clouds.yaml",
}


def command(
    *arguments: str, root: Path = ROOT, environment: Mapping[str, str] = ENVIRONMENT
) -> Sequence[str]:
    """The command, for outside, that runs this one inside."""
    namespace = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", _MOUNT, "sh")
    folders = (str(root), str(DATA), str(CODE))
    variables = ("env", "-i", *(f"{name}={value}" for name, value in environment.items()))
    return (*namespace, *folders, *variables, *arguments)


def run(*arguments: str, root: Path = ROOT, given: str | None = None, timeout_s: float = 600) -> str:
    """What a program inside prints. Raises CloudError with its last words when it fails."""
    done = subprocess.run(
        command(*arguments, root=root),
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise CloudError(f"{' '.join(arguments[:3])} ended with status {done.returncode}:\n{said}")
    return done.stdout
