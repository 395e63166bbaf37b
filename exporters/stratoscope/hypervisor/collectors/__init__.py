"""The collectors, one per source call; `hypervisor.subjects` has the samples of a single VM."""

from typing import Final

HOST_LABELS: Final = ("cloud", "host")
URI_LABELS: Final = (*HOST_LABELS, "uri")
"""Labels of series of one libvirt connection: without `uri` several URIs of a host would have the same
series."""


def tagged(name: str, tag: str) -> str:
    """A collector's name with the tag of its URI; the tag is empty if the cloud has one URI."""
    return f"{name}_{tag}" if tag else name
