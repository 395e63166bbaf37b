"""The keys of a probe that describe its VM on OpenNebula."""

from typing import Annotated

import msgspec

from stratoscope.clouds.steps.reachable import Reachable


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user would instantiate: the template says all of the VM.

    Attributes:
        template: Its name or id.
        host: The host on which the VM is deployed, by name or id, past the scheduler; "" leaves it to that.
        credentials_file: Of another user, as that of the entry; "" for the entry's own.
        reachable: How the VM is to answer at its address; None for not at all.
        stop_start: The VM is powered off and resumed.
    """

    template: Annotated[str, msgspec.Meta(min_length=1)]
    host: str = ""
    credentials_file: str = ""
    reachable: Reachable | None = None
    stop_start: bool = False

    def __post_init__(self) -> None:
        if self.reachable is not None and self.reachable.ssh is not None:
            what = "OpenNebula shows nobody what a VM writes to its console, which has the host keys"
            raise ValueError(f"reachable: ssh: {what}; allowed: icmp or tcp")

    @property
    def credential(self) -> str:
        return self.credentials_file

    @property
    def flavor(self) -> str:
        """A template is OpenNebula's flavor."""
        return self.template

    @property
    def zone(self) -> str:
        """A cluster cannot be asked for without a right to change the template."""
        return ""
