"""The base class of collectors of one libvirt URI."""

from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.core.collector import Collector, T
from stratoscope.core.metrics import Labels
from stratoscope.hypervisor.collectors import tagged


class OfHost(Collector[T]):
    """A collector of one URI; if a cloud has several URIs, its name has a tag."""

    def __init__(self, host: LibvirtHost) -> None:
        self.name = tagged(self.offer.name, host.tag)
        self.subjects = {self.offer.name: self.families} if host.tag else {}
        self.cloud = host.cloud
        self._host = host
        self._labels = Labels(cloud=host.cloud, host=host.host, uri=host.uri)
