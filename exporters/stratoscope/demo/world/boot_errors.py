"""Boots that fail: how each kind of cloud words it is its face's business."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class BootError(NamedTuple):
    """Attributes:
    status: Of the response; 0 where the cloud accepts the VM, whose boot then fails with the text.
    text: `{vm}`, `{image}`, `{network}` stand for ids.
    is_of_scheduling: The VM fails before it has a host.
    """

    status: int
    text: str
    is_of_scheduling: bool = False


class BootErrors(NamedTuple):
    """Those of one kind of cloud: by name, those that the churn makes, and what administrators see beside."""

    by_name: Mapping[str, BootError]
    of_churn: tuple[str, ...]
    details: Callable[[str], str]

    def text(self, name: str) -> str:
        return self.by_name[name].text
