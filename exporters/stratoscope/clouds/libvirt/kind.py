"""The cloud kind libvirt, for clouds/registry.py."""

from typing import Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, checked, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.registry import Kind


def _opened(cloud: LibvirtCloud) -> list[LibvirtHost]:
    """The hosts, that of this machine first: its files have more than libvirt reports."""
    return [LibvirtHost(cloud, uri) for uri in sorted(cloud.uris, key=is_local, reverse=True)]


KIND: Final = Kind(
    entry=LibvirtCloud, checked=checked, by_default=lambda: LibvirtCloud(name="local"), opened=_opened
)
