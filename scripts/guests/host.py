"""The machine under the guests: libvirt's packages, its daemon, a network and a storage pool. Needs root."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# QEMU runs as a user of its own, who may not read a home directory: hence not under build/.
FOLDER = Path(os.environ.get("STRATOSCOPE_LIBVIRT", "/var/tmp/stratoscope-libvirt"))  # noqa: S108 - root's, mode 755
URI = "qemu:///system"
NAME = "strato"
PACKAGES = (
    *(
        "libvirt-daemon-system",
        "libvirt-daemon-driver-qemu",
        "libvirt-clients",
        "qemu-system-x86",
        "qemu-utils",
    ),
    *("busybox-static", "cpio", "dnsmasq-base", "dropbear-bin", "iptables", "openssh-client"),
)
NETWORK = f"<network><name>{NAME}</name><bridge name='virbr-{NAME}'/></network>"  # no address, so no dnsmasq
DAEMONS = ("virtlogd", "libvirtd")
# Without systemd there is no polkit that libvirtd could ask: the socket's group decides who may read.
CONFIG = """unix_sock_group = "libvirt"
unix_sock_ro_perms = "0770"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
STARTED = FOLDER / "started-by"  # systemd, hand, or somebody else


def virsh(*arguments: str | Path) -> str:
    """What virsh prints. Raises CalledProcessError with virsh's own words in stderr."""
    command = ["virsh", "--quiet", "--connect", URI, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def daemon_answers() -> bool:
    try:
        virsh("uri")
    except subprocess.CalledProcessError:
        return False
    return True


def install_packages() -> None:
    subprocess.run([ROOT / "scripts" / "apt-install", *PACKAGES], check=True)


def start_daemon() -> None:
    """Start libvirt unless it runs, and remember on the first time whether that was our doing."""
    if daemon_answers():
        remember("somebody else")
        return
    has_systemd = Path("/run/systemd/system").is_dir()
    remember("systemd" if has_systemd else "hand")
    if not has_systemd:
        give_kvm_to_its_group()
    for daemon in ["libvirtd"] if has_systemd else DAEMONS:
        if not has_systemd and is_running(daemon):
            continue  # virtlogd outlives a libvirtd that was killed
        command = ["systemctl", "start", daemon] if has_systemd else [daemon, "--daemon", *options(daemon)]
        subprocess.run(command, check=True)
    deadline = time.monotonic() + 60
    while not daemon_answers():
        if time.monotonic() > deadline:
            raise SystemExit("libvirtd was started but does not answer: see its log")
        time.sleep(0.2)


def give_kvm_to_its_group() -> None:
    """Do what udev does where it runs: QEMU's user belongs to the group kvm.

    Otherwise libvirt (9.0) finds as root that KVM works, and that it does not for QEMU's user, believes no
    answer of QEMU's, and asks it ten times for each guest that starts: 4.5 s instead of 0.5, and 50 s where
    init is slow to reap.
    """
    device = Path("/dev/kvm")
    if device.exists() and not Path("/run/udev/control").exists():
        shutil.chown(device, group="kvm")
        device.chmod(0o660)


def options(daemon: str) -> list[str]:
    if daemon != "libvirtd":
        return []
    config = FOLDER / "libvirtd.conf"
    config.write_text(CONFIG)
    return [f"--config={config}"]


def is_running(daemon: str) -> bool:
    """Whether the process of the daemon's pid file lives and is that daemon."""
    try:
        pid = int(Path(f"/run/{daemon}.pid").read_text())
        return Path(f"/proc/{pid}/exe").readlink().name == daemon  # a zombie has none
    except (FileNotFoundError, ValueError):
        return False


def remember(starter: str) -> None:
    if not STARTED.exists():
        STARTED.write_text(starter)


def stop_daemon() -> None:
    """Stop libvirt if start_daemon started it."""
    starter = STARTED.read_text() if STARTED.exists() else "somebody else"
    if starter == "systemd":
        subprocess.run(["systemctl", "stop", "libvirtd.service"], check=True)
    if starter == "hand":
        for daemon in reversed(DAEMONS):
            pid_file = Path(f"/run/{daemon}.pid")
            if pid_file.exists():
                os.kill(int(pid_file.read_text()), signal.SIGTERM)


def add_network_and_pool() -> None:
    disks = FOLDER / "disks"
    disks.mkdir(exist_ok=True)
    if NAME not in virsh("net-list", "--all", "--name").split():
        definition = FOLDER / "network.xml"
        definition.write_text(NETWORK)
        virsh("net-define", definition)
    if NAME not in virsh("net-list", "--name").split():
        virsh("net-start", NAME)
    if NAME not in virsh("pool-list", "--all", "--name").split():
        virsh("pool-define-as", NAME, "dir", "--target", disks)
    if NAME not in virsh("pool-list", "--name").split():
        virsh("pool-start", NAME)


def remove_network_and_pool() -> None:
    for kind in ("net", "pool"):
        if NAME in virsh(f"{kind}-list", "--name").split():
            virsh(f"{kind}-destroy", NAME)
        if NAME in virsh(f"{kind}-list", "--all", "--name").split():
            virsh(f"{kind}-undefine", NAME)
