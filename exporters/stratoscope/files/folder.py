"""A folder with files of ours, told from all others by the list of their digests, which sha256sum reads."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from stratoscope.core.errors import ConfigError

SUMS: Final = "stratoscope.sha256"


def write(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write the files and the list, all or none, and remove those of an earlier list that this one lacks.

    A file that the list does not have, or that was changed since, is somebody's own: it stays as it is.

    Args:
        contents: By path below the folder.
        folder: It is made if it is not there.

    Raises:
        ConfigError: A file of another origin has the name of one; then nothing is written.
        OSError: Something cannot be written; it has the name of the file.
    """
    before = _listed(folder / SUMS)
    for name, content in contents.items():
        file = folder / name
        if os.path.lexists(file) and not _is_ours(file, {before.get(name, ""), _digest(content)}):
            raise ConfigError(f"--output: {file} is not one of this command; allowed: another folder")
    lines = "".join(f"{_digest(content)}  {name}\n" for name, content in contents.items())
    new = {**contents, SUMS: lines.encode()}
    try:
        for name, content in new.items():
            _put(_beside(folder / name), content)
        for name in new:
            _beside(folder / name).replace(folder / name)
    finally:
        for name in new:
            with suppress(OSError):  # what could not be written is not there
                _beside(folder / name).unlink()
    for name in before.keys() - contents.keys():
        if _is_ours(folder / name, {before[name]}):
            (folder / name).unlink()


def _beside(file: Path) -> Path:
    """Where it is written first: no name that Prometheus or Grafana looks for."""
    return file.with_name(f"{file.name}.new")


def _put(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.touch(exist_ok=False)  # it follows no link
        file.write_bytes(content)
    except OSError as error:  # that of a full disk does not name it
        raise OSError(error.errno, error.strerror, str(file)) from error


def _listed(sums: Path) -> Mapping[str, str]:
    """The digests by path; nothing where there is no list. One that leads out of the folder is not ours."""
    if not sums.is_file():
        return {}
    rows = (line.split("  ", 1) for line in sums.read_text(encoding="utf-8", errors="replace").splitlines())
    return {row[1]: row[0] for row in rows if len(row) > 1 and _is_below(row[1])}


def _is_below(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _is_ours(file: Path, digests: set[str]) -> bool:
    """Whether it has one of these digests; what is no regular file, or may not be read, has none."""
    try:
        return file.is_file() and not file.is_symlink() and _digest(file.read_bytes()) in digests
    except PermissionError:
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
