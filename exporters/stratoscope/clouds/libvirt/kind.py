"""libvirt as one of the cloud kinds."""

from typing import Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, checked
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.registry import Kind


def _opened(cloud: LibvirtCloud) -> list[LibvirtHost]:
    return [LibvirtHost(cloud, uri) for uri in cloud.uris]


KIND: Final = Kind(
    entry=LibvirtCloud, checked=checked, by_default=lambda: LibvirtCloud(name="local"), opened=_opened
)
