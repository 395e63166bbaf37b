"""The entry of `clouds:` for libvirt."""

import socket
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

import msgspec

from stratoscope.core.errors import ConfigError

_DRIVERS: Final = frozenset(
    {
        *("qemu", "lxc", "xen", "ch", "bhyve", "vz", "openvz", "vbox", "hyperv", "test", "remote"),
        *("esx", "gsx", "vpx", "vmwareplayer", "vmwarews", "vmwarefusion"),
    }
)
"""libvirt's drivers (libvirt.org/drivers.html), and `remote`, which leaves the choice to the other end."""
_TRANSPORTS: Final = frozenset({"", "unix", "tls", "tcp", "ssh", "libssh", "libssh2", "ext"})
_OF_QEMU: Final = frozenset({"/system", "/session"})
_SSH: Final = frozenset({"ssh", "libssh", "libssh2"})


class LibvirtCloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `clouds:` of the kind libvirt.

    Attributes:
        name: The cloud's name, the label `cloud`.
        uri: One libvirt URI or several, of one host (it may run qemu and lxc) or of several.
        host: The label `host`, as the management layer spells the host; by default the URI's, or this
            machine's name.
    """

    name: str
    kind: Literal["libvirt"] = "libvirt"
    uri: str | list[str] = "qemu:///system"
    host: str | None = None

    def __post_init__(self) -> None:
        uris = self.uris
        if not uris:
            raise ValueError("uri: expected a libvirt URI such as `qemu:///system`, or a list of them")
        hosts = {_split(uri).hostname for uri in uris}
        if len(set(uris)) != len(uris):
            raise ValueError("uri: the same URI stands twice")
        if self.host == "":
            raise ValueError("host: expected a text that is not empty")
        if self.host is not None and len(hosts) > 1:
            raise ValueError("host: the URIs lead to several hosts; make one entry of each")

    @property
    def uris(self) -> list[str]:
        return [self.uri] if isinstance(self.uri, str) else self.uri

    def host_of(self, uri: str) -> str:
        """The label `host` of a URI's VMs."""
        return self.host or urlsplit(uri).hostname or socket.gethostname()

    def tag_of(self, uri: str) -> str:
        """The tag of this URI's collectors; empty if there is only one URI."""
        if len(self.uris) == 1:
            return ""
        split = urlsplit(uri)
        schemes = [urlsplit(other).scheme for other in self.uris]
        if schemes.count(split.scheme) == 1:
            return split.scheme
        hosts = [urlsplit(other).hostname for other in self.uris]
        if split.hostname and hosts.count(split.hostname) == 1:
            return split.hostname
        return str(self.uris.index(uri))


def _split(uri: str) -> SplitResult:
    """The parts of a URI. Raises ValueError if libvirt cannot use it, or it would show a password."""
    try:
        split = urlsplit(uri)
        is_placed = split.port != 0
    except ValueError:
        is_placed = False
    if not is_placed:  # it may hold a password
        raise ValueError("uri: invalid host or port; allowed: a port from 1 to 65535, IPv6 in brackets")
    if split.password is not None:
        raise ValueError("uri: libvirt reads no password from a URI; put it into libvirt's auth.conf")
    if fault := _fault(uri, split):
        raise ValueError(f"uri: {uri}: {fault}")
    return split


def _fault(uri: str, split: SplitResult) -> str:
    """The problem of a URI: unknown to libvirt, or would start a daemon; "" for none."""
    driver, _, transport = split.scheme.partition("+")
    if not driver or "://" not in uri:
        return "expected a libvirt URI such as `qemu:///system`"
    for what, word, allowed in (("driver", driver, _DRIVERS), ("transport", transport, _TRANSPORTS)):
        if word not in allowed:
            return f"unknown {what}: {word}; allowed: {', '.join(sorted(allowed - {''}))}"
    if split.path == "/embed":
        return "it would run the driver inside the exporter; use `qemu:///system`"
    if driver == "qemu" and split.path.rstrip("/") not in _OF_QEMU:
        return f"unknown path: {split.path or 'none'}; allowed: /system, /session"
    is_started = _starts_over_ssh(split) and _proxies(split) - {"netcat"}
    return "its proxy would start a daemon over there; allowed: proxy=netcat, or none" if is_started else ""


def without_start(uri: str) -> str:
    """The URI changed so that libvirt starts no daemon: its own helper at the other end of SSH would."""
    split = _split(uri)
    if not _starts_over_ssh(split) or _proxies(split):
        return uri
    query = f"{split.query}&proxy=netcat" if split.query else "proxy=netcat"
    return urlunsplit(split._replace(query=query))


def _starts_over_ssh(split: SplitResult) -> bool:
    return split.path.rstrip("/") == "/session" and split.scheme.partition("+")[2] in _SSH


def _proxies(split: SplitResult) -> set[str]:
    return set(parse_qs(split.query).get("proxy", ()))


def is_in_process(uri: str) -> bool:
    """Whether the driver runs inside this process, without a daemon: the mock driver `test`."""
    return urlsplit(uri).scheme == "test"


def is_local(uri: str) -> bool:
    """Whether a URI is of this machine, so that its /proc, /sys and cgroups are those of the VMs."""
    split = urlsplit(uri)
    return not split.hostname and split.scheme.partition("+")[0] != "test"


def checked(clouds: Sequence[LibvirtCloud]) -> Sequence[LibvirtCloud]:
    """The same entries; the same URI in two of them is an error: its VMs would be shown twice.

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
    return clouds
