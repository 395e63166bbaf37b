"""The collectors: one source call each; `hypervisor.subjects` holds what they show of a single VM."""

from typing import Final

HOST_LABELS: Final = ("cloud", "host")
URI_LABELS: Final = (*HOST_LABELS, "uri")
"""What one libvirt connection tells: several URIs of one host would else write the same series."""


def tagged(name: str, tag: str) -> str:
    """A collector's name, with what tells its URI from the cloud's others; empty where it has one."""
    return f"{name}_{tag}" if tag else name
