"""Recorded hosts for readers of /proc and /sys, and readers of files that misbehave."""

import shutil
from collections.abc import Callable
from pathlib import Path

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.paths import Paths

HOSTS = Path(__file__).parents[1] / "fixtures" / "hosts"


def paths_in(root: Path) -> Paths:
    return Paths(procfs=f"{root}/proc", sysfs=f"{root}/sys", cgroup=f"{root}/sys/fs/cgroup")


def recorded(name: str) -> Paths:
    """A recorded host, not to be changed."""
    return paths_in(HOSTS / name)


def copied(name: str, to: Path) -> Paths:
    """A recorded host to be changed."""
    shutil.copytree(HOSTS / name, to / name, symlinks=True)
    return paths_in(to / name)


class Refusing:
    """Reads files, but has no right to those whose path holds one of the words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None:
        if any(word in path for word in self.words):
            raise PermissionError(13, "Permission denied", path)
        return files.read(path, size)


class Acting:
    """Reads files, and does something just before it reads the first one whose path ends so."""

    def __init__(self, ending: str, act: Callable[[], None]) -> None:
        self._ending, self._act, self._done = ending, act, False

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None:
        if not self._done and path.endswith(self._ending):
            self._done = True
            self._act()
        return files.read(path, size)


class Counting:
    """Reads files, and remembers which."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None:
        self.read.append(path)
        return files.read(path, size)
