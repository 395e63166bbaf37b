"""Prometheus and Alertmanager: those of PATH, else Debian's packages, unpacked into a folder without root."""

import os
import shutil
from pathlib import Path
from typing import Final

from stratoscope.core import folders
from stratoscope.core.errors import ConfigError
from stratoscope.show.processes import Words, run
from stratoscope.show.terminal import DemoError, Stop, say

HERE: Final = Path(__file__).parent
_NAMES: Final = {"prometheus": ("prometheus",), "alertmanager": ("prometheus-alertmanager", "alertmanager")}
"""By program: what the file is called, at Debian and where else it comes from."""
_FOLDERS: Final = {"prometheus": "tools", "alertmanager": "tools-alertmanager-here"}
_SIZES: Final = {
    "prometheus": "23 MB to download, 320 MB on disk",
    "alertmanager": "11 MB to download, 42 MB on disk",
}
_DOWNLOAD_S: Final = 600


def cache() -> Path:
    """Where packages are unpacked: a folder of the XDG cache."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "stratoscope"


def find(name: str, into: Path, stop: Stop) -> Words:
    """The words that start `prometheus` or `alertmanager` here; flags follow.

    Args:
        name: Which.
        into: The folder into which Debian's packages are unpacked. What is there is run: nobody may write
            to it but this user, root, and whose this program is, who could change that as well.
        stop: Ends a download.

    Raises:
        DemoError: It is not to be had here.
    """
    for file in _NAMES[name]:
        if found := shutil.which(file):
            return _started(name, Path(found).absolute())
    folder = into / _FOLDERS[name]
    try:
        for one in (into, folder):
            folders.check(one, "--tools", trusted=HERE.stat().st_uid)
    except ConfigError as error:
        raise DemoError(str(error)) from error
    if not folder.is_dir() and shutil.which("apt-get"):
        say(f"demo: {name} of this distribution is unpacked into {folder}, once: {_SIZES[name]}")
    done = run(["bash", HERE / "get-debian.sh", into, name], stop, _DOWNLOAD_S)
    if done.status:
        raise DemoError(done.reason.removeprefix("get-debian: "))
    unpacked = Path(done.output.strip())
    if name == "alertmanager":
        return ["bash", HERE / "run-alertmanager.sh", unpacked]
    return _started(name, unpacked / "usr" / "bin" / _NAMES[name][0])


def _started(name: str, file: Path) -> Words:
    """Debian's Prometheus must be told where its page is if it is not where its package puts it."""
    page = file.parent.parent / "share" / name / "web"
    return [file, f"--web.local-assets={page}/"] if name == "prometheus" and page.is_dir() else [file]
