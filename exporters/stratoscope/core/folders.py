"""Whether a folder is safe: no other user of the machine can write there, or put another in its place."""

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Final

from stratoscope.core.errors import ConfigError

_OF_ALL: Final = stat.S_IWGRP | stat.S_IWOTH
_ALLOWED: Final = "allowed: one of yours or root's to which nobody else may write"


def check(folder: Path, flag: str, trusted: int = 0) -> None:
    """Reject a folder that is not safe, or lies in one that is not; what is missing is left out.

    Args:
        folder: For a link, both the way to it and where it leads are judged.
        flag: What names the folder, such as `--output`.
        trusted: The id of a user who may own it, too.

    Raises:
        ConfigError: It names the flag and the folder.
    """
    real = Path(os.path.realpath(folder))
    check_itself(real, flag, trusted)
    for above in dict.fromkeys((*folder.absolute().parents, *real.parents)):
        _check(above, flag, _OF_ALL, trusted)


def check_itself(folder: Path, flag: str, trusted: int = 0) -> None:
    """The same without those above it. A sticky folder, as /tmp, is safe to be in, and not to write to."""
    _check(folder, flag, 0, trusted)


def _check(folder: Path, flag: str, if_sticky: int, trusted: int) -> None:
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if found.st_uid not in (0, os.geteuid(), trusted):
        raise ConfigError(f"{flag}: {folder}: it belongs to another user; {_ALLOWED}")
    forbidden = _OF_ALL & ~(if_sticky if found.st_mode & stat.S_ISVTX else 0)
    is_roots = os.geteuid() == found.st_uid == 0
    if found.st_mode & stat.S_IWGRP and not is_roots and _is_of_one(found):
        forbidden &= ~stat.S_IWGRP
    if found.st_mode & forbidden:
        raise ConfigError(f"{flag}: {folder}: other users may write there; {_ALLOWED} (chmod go-w)")


def _is_of_one(found: os.stat_result) -> bool:
    """Whether the group is its owner alone: Ubuntu gives each user one, and the umask 002.

    Root's umask is 022: there it is the sign of an access control list.
    """
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return owner.pw_name == group.gr_name and set(group.gr_mem) <= {owner.pw_name}
