"""The files and commands of docs/kubernetes.md."""

import functools
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from support.charts import helm
from support.debian import ROOT

PAGE: Final = (ROOT / "docs/kubernetes.md").read_text()
FILES: Final[Mapping[str, str]] = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
"""By name: what somebody writes into it."""
COMMANDS: Final = [
    shlex.split(line)
    for line in re.findall(r"^ {4,}(\S.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
]


def commands(*beginning: str) -> list[Sequence[str]]:
    """Those that begin with these words, without them."""
    return [one[len(beginning) :] for one in COMMANDS if one[: len(beginning)] == [*beginning]]


def flag(command: Sequence[str], name: str) -> str:
    """The value of a flag that stands there once."""
    (value,) = [one.removeprefix(f"--{name}=") for one in command if one.startswith(f"--{name}=")]
    return value


@functools.cache
def rendered_by(*command: str) -> str:
    """What `helm upgrade --install` with these words would send, with the files of the page."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
        done = helm("template", *(one.replace("--values=", f"--values={folder}/") for one in command))
    assert done.returncode == 0, done.stderr
    return done.stdout
