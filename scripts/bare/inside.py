"""Runs what somebody types on a bare machine.

Each command has namespaces of its own: /proc and a minimal /dev are mounted for it alone, and it and all that
it started are gone when it ends. The network is this machine's.
"""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from bare.machines import FOLDER, Machine

LONGEST_S = 3600
_MOUNT = """
root=$1 packages=$2 downloads=$3 home=$4 given=$5
shift 5
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$packages" "$root/var/cache/apt/archives"
mount --bind "$downloads" "$root$home/.cache"
mkdir -p "$root/given"
mount --bind -o ro "$given" "$root/given"
chroot "$root" "$@" <&3
"""
GIVEN = FOLDER / "given"
"""What the machine finds in /given: the repository as a bundle of git."""
PATHS = {"root": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
ORDINARY_PATH = "/usr/local/bin:/usr/bin:/bin"
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended.

    Attributes:
        output: Both streams, as they came.
        longest_silence_s: How long it said nothing, at most.
    """

    status: int
    output: str
    seconds: float
    longest_silence_s: float


def run(machine: Machine, line: str, log: Path, *, user: str = "", interrupt_at: str = "") -> Done:
    """What a line typed into a shell does.

    Args:
        machine: Where it is typed, in the home folder.
        line: The line.
        log: Gets its output.
        user: Who types it, if not the machine's user.
        interrupt_at: Once this text was said, Ctrl-C is typed.
    """
    process = subprocess.Popen(
        _command(machine, user or machine.user, line),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    began = last = time.monotonic()
    longest, said = 0.0, list[str]()
    timer = threading.Timer(LONGEST_S, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    assert isinstance(process.stdout, BufferedReader)  # noqa: S101 - it is a pipe
    with log.open("w") as file:
        while raw := process.stdout.read1():
            text = raw.decode(errors="replace")
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            said.append(text)
            file.write(f"[{now - began:.1f} s] {text}")
            file.flush()
            if interrupt_at and interrupt_at in text:
                os.killpg(process.pid, signal.SIGINT)
        status = process.wait()
        file.write(f"[{time.monotonic() - began:.1f} s] status {status}\n")
    timer.cancel()
    return Done(status, "".join(said), time.monotonic() - began, longest)


def _command(machine: Machine, user: str, line: str) -> list[str]:
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    folders = [machine.root, machine.packages, machine.downloads, machine.home, GIVEN]
    mounting = ["bash", "-ec", f"exec 3<&0; {_MOUNT}", "bash", *map(str, folders)]
    who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", "-i"]
    home = "/root" if user == "root" else machine.home
    variables = {"HOME": home, "USER": user, "LOGNAME": user, "PATH": PATHS.get(user, ORDINARY_PATH)}
    variables |= {name: os.environ[name] for name in PROXIES if name in os.environ}
    return [
        *namespaces,
        *mounting,
        *who,
        *(f"{name}={value}" for name, value in variables.items()),
        *("bash", "-c", f"cd && {line}"),
    ]
