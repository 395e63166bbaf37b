"""The cloud kind libvirt, for clouds/registry.py."""

from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.libvirt.config import LibvirtCloud, checked, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.registry import Kind
from stratoscope.core.config import one_of


def _opened(cloud: LibvirtCloud) -> list[LibvirtHost]:
    """The hosts, that of this machine first: its files have more than libvirt reports."""
    return [LibvirtHost(cloud, uri) for uri in sorted(cloud.uris, key=is_local, reverse=True)]


def _at(cloud: LibvirtCloud, uri: str) -> LibvirtCloud:
    """The entry with one of its URIs. Raises ConfigError for another."""
    one_of(uri, cloud.uris, "uri")
    return replace(cloud, uri=uri)


KIND: Final = Kind(
    entry=LibvirtCloud,
    checked=checked,
    by_default=lambda: LibvirtCloud(name="local"),
    opened=_opened,
    vm=Description,
    credential=_at,
    opened_to_create=WritableCloud,
    lifecycle=LibvirtVMs,
)
