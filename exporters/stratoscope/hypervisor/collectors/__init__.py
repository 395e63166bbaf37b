"""The collectors: one source call each; `hypervisor.subjects` holds what they show of a single VM."""

from typing import Final

HOST_LABELS: Final = ("cloud", "host")
URI_LABELS: Final = (*HOST_LABELS, "uri")
"""What one libvirt connection tells: several URIs of one host would else write the same series."""
