"""What the services tell of their own agents, in the shape that most of them share."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.model import Service
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.fields import Text, moment
from stratoscope.core.errors import LeftOut, LeftOutError

_UNKNOWN: Final = "UNKNOWN"


class ServiceRow(msgspec.Struct, frozen=True, gc=False):
    """One of `services` as Nova, Cinder and Manila answer them.

    Attributes:
        status: `enabled` or `disabled`. Since 2.69 one of a cell of Nova's that does not answer has its
            binary and host alone, and the status UNKNOWN: it is down for all who need it, and nobody disabled
            it.
        forced_down: Somebody says that it is down, whatever it reports; told by Nova alone, since 2.11.
    """

    binary: Text
    host: Text
    status: Text
    state: Text = ""
    zone: Text | None = None
    updated_at: datetime | None = None
    disabled_reason: str | None = None
    forced_down: bool | None = None

    def __post_init__(self) -> None:
        """Refuse one without a state: that it is down would be a guess."""
        if not self.state and self.status != _UNKNOWN:
            raise ValueError("a service without a state")

    def service(self, of: str) -> Service:
        """As a Service. Args: of: Whose it is, as the catalogue spells its type."""
        return Service(
            of,
            self.binary,
            self.host,
            self.zone or "",
            self.state == "up" and not self.forced_down,
            self.status != "disabled",
            self.disabled_reason or "",
            moment(self.updated_at),
            self.forced_down,
        )


async def only_admins_see(api: Api, what: str) -> None:
    """For a list that came back empty: is that to be believed?

    Several services answer 200 with an empty list where the role is missing, instead of 403.

    Raises:
        LeftOutError: `unauthorized`, when the token is not an admin's.
    """
    if not (await api.access()).is_admin:
        raise LeftOutError(LeftOut.UNAUTHORIZED, f"{what}: an empty list without the role admin")
