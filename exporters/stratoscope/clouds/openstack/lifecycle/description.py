"""The keys of a probe that describe its VM on OpenStack."""

from typing import Annotated

import msgspec

_Named = Annotated[str, msgspec.Meta(min_length=1)]


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
    """

    flavor: _Named
    image: _Named
    network: str = ""
    security_groups: tuple[_Named, ...] = ()
    key_name: str = ""
    zone: str = ""
    os_cloud: str = ""

    @property
    def credential(self) -> str:
        return self.os_cloud


NO_NETWORK = "none"
"""As Nova has it in `networks`."""
