"""The entry of `clouds:` for libvirt."""

import socket
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from stratoscope.core.errors import ConfigError


class LibvirtCloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One host as libvirt knows it.

    Attributes:
        name: The cloud's name, the label `cloud`.
        uri: One libvirt URI or several of one host (it may run qemu and lxc), or of several hosts.
        host: The label `host`, as the management layer spells the host; by default the host name, or the URI's.
    """

    name: str
    kind: Literal["libvirt"] = "libvirt"
    uri: str | list[str] = "qemu:///system"
    host: str | None = None

    def __post_init__(self) -> None:
        uris = self.uris
        if not uris or not all("://" in uri or uri.endswith("://") for uri in uris):
            raise ValueError("uri: expected a libvirt URI such as `qemu:///system`, or a list of them")
        if len(set(uris)) != len(uris):
            raise ValueError("uri: the same URI stands twice")
        if self.host is not None and len({urlsplit(uri).hostname for uri in uris}) > 1:
            raise ValueError("host: the URIs lead to several hosts; make one entry of each")

    @property
    def uris(self) -> list[str]:
        return [self.uri] if isinstance(self.uri, str) else self.uri

    def host_of(self, uri: str) -> str:
        return self.host or urlsplit(uri).hostname or socket.gethostname()

    def tag_of(self, uri: str) -> str:
        """What tells this URI's collectors from the others'; empty where there is one URI."""
        if len(self.uris) == 1:
            return ""
        split = urlsplit(uri)
        drivers = [urlsplit(other).scheme for other in self.uris]
        if drivers.count(split.scheme) == 1:
            return split.scheme
        hosts = [urlsplit(other).hostname for other in self.uris]
        if split.hostname and hosts.count(split.hostname) == 1:
            return split.hostname
        return str(self.uris.index(uri))


def is_local(uri: str) -> bool:
    """Whether a URI leads to this machine, so that its /proc, /sys and cgroups are the VMs'."""
    split = urlsplit(uri)
    return not split.hostname and split.scheme.partition("+")[0] != "test"


def check(clouds: list[LibvirtCloud]) -> None:
    """Refuse a URI that stands in two entries: its VMs would be shown twice.

    Raises:
        ConfigError: It names both.
    """
    owner: dict[str, str] = {}
    for cloud in clouds:
        for uri in cloud.uris:
            if uri in owner:
                raise ConfigError(
                    f"clouds: {uri} stands in {owner[uri]} and in {cloud.name}; a URI stands once"
                )
            owner[uri] = cloud.name
