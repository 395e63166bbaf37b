"""The files of this package by their path in the folder that gets them."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

_FOLDERS: Final = ("alertmanager", "grafana", "prometheus")
_LEFT_OUT: Final = "tests"
"""Tests of the rules and of the templates: they are for who changes them."""


def shipped() -> dict[str, bytes]:
    """Their contents by path, such as `grafana/dashboards/create.json`."""
    package = resources.files(__package__)
    found = (one for name in _FOLDERS for one in _below(package / name, f"{name}/"))
    return dict(sorted(found))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        if one.is_file():
            yield f"{path}{one.name}", one.read_bytes()
        elif one.name != _LEFT_OUT:
            yield from _below(one, f"{path}{one.name}/")
