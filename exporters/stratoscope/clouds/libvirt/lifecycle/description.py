"""The keys of a probe that describe its VM on libvirt."""

from typing import Annotated, Final

import msgspec

from stratoscope.clouds.steps.console import check_console
from stratoscope.clouds.steps.reachable import Reachable

_LEAST_MIB: Final = 16
_MOST_MIB: Final = 1 << 20


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the domain is to be.

    Attributes:
        uri: Where it runs, one of the entry's URIs; "" for the first, or for all in turn.
        memory: In MiB.
        vcpus: Their number.
        kernel: The path of a Linux kernel on the host; "" boots the disk.
        initrd: The path of its initrd; "" for none.
        disk: The path of a disk image on the host, which is read only: raw, or qcow2 if it ends so. "" is the
            boot sector of this package, or none beside a kernel.
        network: A network of libvirt's; "" for none.
        reachable: How it is to answer at its address; None for not at all.
        console: What it is to write to its serial console; "" for nothing.
    """

    uri: str = ""
    memory: Annotated[int, msgspec.Meta(ge=_LEAST_MIB, le=_MOST_MIB)] = 64
    vcpus: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    kernel: str = ""
    initrd: str = ""
    disk: str = ""
    network: str = ""
    reachable: Reachable | None = None
    console: str = ""

    def __post_init__(self) -> None:
        for key, path in self.files.items():
            if path and not path.startswith("/"):
                raise ValueError(f"{key}: {path} is relative; allowed: an absolute path")
        if self.initrd and not self.kernel:
            raise ValueError("initrd: nothing would load it; allowed: together with kernel")
        if self.reachable is not None and not self.network:
            raise ValueError("reachable: the VM would have no address; allowed: together with network")
        check_console(self.console)

    @property
    def keeps_log(self) -> bool:
        """The SSH host keys on its console are wanted."""
        return self.reachable is not None and self.reachable.ssh is not None

    @property
    def reads_console(self) -> bool:
        """A phase that it wants reads the console."""
        return bool(self.console) or self.keeps_log

    @property
    def files(self) -> dict[str, str]:
        """The paths by key; "" where there is none."""
        return {"kernel": self.kernel, "initrd": self.initrd, "disk": self.disk}

    @property
    def credential(self) -> str:
        """Each URI is swept by itself, so that one that is down does not hold up the others."""
        return self.uri

    @property
    def flavor(self) -> str:
        """libvirt has none."""
        return ""

    @property
    def zone(self) -> str:
        """libvirt has none."""
        return ""
