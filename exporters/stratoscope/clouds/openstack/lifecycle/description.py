"""The keys of a probe that describe its VM on OpenStack."""

from typing import Annotated, Final

import msgspec

from stratoscope.clouds.steps.console import check_console
from stratoscope.clouds.steps.reachable import Reachable

_Named = Annotated[str, msgspec.Meta(min_length=1)]
_GiB = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]

NO_NETWORK: Final = "none"
"""As Nova has it in `networks`."""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user would request.

    Attributes:
        flavor: Its name or id.
        image: Its name or id.
        network: Its name or id; `none` for none; "" for the only one that the project may use, if it is the
            only one.
        security_groups: Names or ids; without any Nova takes `default`.
        key_name: A key pair that exists.
        zone: Availability zone; "" leaves it to the cloud.
        os_cloud: The credential, by its name in the entry's clouds.yaml; "" for the entry's own.
        floating_ip: The external network of a floating IP, by its name or id; "" for no floating IP.
        reachable: How the VM is to answer at its address; None for not at all.
        console: What it is to write to its console; "" for nothing.
        boot_volume: The size in GiB of a volume with the image, which the VM boots from; None for none.
        volume: The size in GiB of an empty volume, which is attached to the VM; None for none.
        volume_type: Of the volume, by its name or id; "" for Cinder's default.
        stop_start: The VM is stopped and started.
        resize: Another flavor, by its name or id, that the VM gets; "" for none.
        snapshot: An image is made of the VM.
    """

    flavor: _Named
    image: _Named
    network: str = ""
    security_groups: tuple[_Named, ...] = ()
    key_name: str = ""
    zone: str = ""
    os_cloud: str = ""
    floating_ip: str = ""
    reachable: Reachable | None = None
    console: str = ""
    boot_volume: _GiB | None = None
    volume: _GiB | None = None
    volume_type: str = ""
    stop_start: bool = False
    resize: str = ""
    snapshot: bool = False

    def __post_init__(self) -> None:
        check_console(self.console)
        if self.network == NO_NETWORK and (self.floating_ip or self.reachable is not None):
            key = "floating_ip" if self.floating_ip else "reachable"
            raise ValueError(f"{key}: the VM would have no address; allowed: with a network")
        if self.boot_volume and self.volume:
            raise ValueError("volume: stands beside boot_volume; allowed: one of both")
        if self.volume_type and not self.volume_size:
            raise ValueError("volume_type: there is no volume; allowed: with boot_volume or volume")
        if self.boot_volume and self.snapshot:
            what = "Cinder would keep a snapshot of the volume"
            raise ValueError(f"snapshot: {what}; allowed: without boot_volume")

    @property
    def credential(self) -> str:
        return self.os_cloud

    @property
    def volume_size(self) -> int:
        """In GiB; 0 for no volume."""
        return self.boot_volume or self.volume or 0
