"""What an image gives to whoever is in it, beside the exporter's own rights."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def given(root: Path) -> Iterator[str]:
    """The files of an image that give rights to whoever starts or changes them. Args: root: Of its files."""
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                yield f"{path.relative_to(root)}: who starts it gets other rights"
            is_sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
            if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and mode & stat.S_IWOTH and not is_sticky:
                yield f"{path.relative_to(root)}: all may write there"
