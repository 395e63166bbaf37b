"""libvirt as one of the cloud kinds."""

from typing import Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, checked, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.registry import Kind


def _opened(cloud: LibvirtCloud) -> list[LibvirtHost]:
    """This machine's own first: what it says of itself is more than libvirt says of it."""
    return [LibvirtHost(cloud, uri) for uri in sorted(cloud.uris, key=is_local, reverse=True)]


KIND: Final = Kind(
    entry=LibvirtCloud, checked=checked, by_default=lambda: LibvirtCloud(name="local"), opened=_opened
)
