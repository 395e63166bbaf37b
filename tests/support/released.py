"""What the last release promises: the names of its records and alerts. Source: the last tag."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

_FOLDER = "prometheus/rules"


def names_of_the_last_release(repository: Path) -> set[str]:
    """Those in the committed rules of the last tag; none before the first release."""
    tags = git(repository, "tag", "--merged=HEAD", "--sort=-version:refname").split()
    return set(_names(repository, tags[0])) if tags else set()


def _names(repository: Path, tag: str) -> Iterator[str]:
    for file in git(repository, "ls-tree", "-r", "--name-only", tag, _FOLDER).splitlines():
        document = yaml.load(git(repository, "show", f"{tag}:{file}"), yaml.CSafeLoader)
        for group in document["groups"]:
            yield from (rule.get("record") or rule["alert"] for rule in group["rules"])


def git(repository: Path, *arguments: str) -> str:
    """What git says. Raises CalledProcessError: It fails."""
    program = shutil.which("git")
    assert program is not None, "git is not on PATH"
    return subprocess.check_output([program, "-C", repository, *arguments], text=True)
