"""Files with a secret: who else may read them."""

import functools
import logging
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from stratoscope.core.files import LARGEST, read

log = logging.getLogger(__name__)

_MOUNTED: Final = (Path("/run/secrets"), Path("/var/run/secrets"))
"""Where containers have their secrets: for all in them, and nobody else is there."""
_OF_KUBERNETES: Final = "..data"
"""The link in each volume of a Secret, whose files are for all by default; some lie in folders below."""
_NOT_THERE: Final = (OSError, RuntimeError)
"""Of a file that is gone, and until Python 3.13 of a link to itself."""


def read_secret(path: Path, key: str, *, largest: int = LARGEST) -> bytes:
    """As files.read; the log warns if every user of the machine may read the file, too."""
    content = read(path, key, largest=largest)
    warn_if_shared(path, key)
    return content


def warn_if_shared(path: Path, key: str) -> None:
    """Log a warning if every user of the machine may read a file, once until it changes.

    Args: key: The key or flag that names it.
    """
    with suppress(*_NOT_THERE):
        if is_shared(path):
            _warn(path, key, path.stat().st_ctime_ns)


@functools.lru_cache(maxsize=256)
def _warn(path: Path, key: str, changed: int) -> None:  # noqa: ARG001 - a file that changed is another
    log.warning("every user of this machine can read a secret key=%s file=%s: chmod o-r", key, path)


def is_shared(path: Path) -> bool:
    """Whether every user of the machine may read a file; not for one that a container was given."""
    above = path.absolute().parents
    if any(folder in above for folder in _MOUNTED):
        return False
    try:
        if any((folder / _OF_KUBERNETES).is_symlink() for folder in above):
            return False
        real = path.resolve()
        is_for_all = real.stat().st_mode & stat.S_IROTH
        return bool(is_for_all) and all(one.stat().st_mode & stat.S_IXOTH for one in real.parents)
    except _NOT_THERE:
        return False  # a folder that we may not look at is none for all
