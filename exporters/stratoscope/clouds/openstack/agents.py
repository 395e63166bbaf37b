"""What the services tell of their own agents, in the shape that most of them share."""

from datetime import datetime

import msgspec

from stratoscope.clouds.model import Service
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.fields import Text, moment
from stratoscope.core.errors import LeftOut, LeftOutError


class ServiceRow(msgspec.Struct, frozen=True, gc=False):
    """One of `services` as Nova, Cinder and Manila answer them."""

    binary: Text
    host: Text
    status: Text
    state: Text
    zone: Text = ""
    updated_at: datetime | None = None
    disabled_reason: Text | None = None

    def service(self, of: str) -> Service:
        """As a Service. Args: of: Whose it is, as the catalogue spells its type."""
        return Service(
            of,
            self.binary,
            self.host,
            self.zone,
            self.state == "up",
            self.status == "enabled",
            self.disabled_reason or "",
            moment(self.updated_at),
        )


async def only_admins_see(api: Api, what: str) -> None:
    """For a list that came back empty: is that to be believed?

    Several services answer 200 with an empty list where the role is missing, instead of 403.

    Raises:
        LeftOutError: `unauthorized`, when the token is not an admin's.
    """
    if not (await api.access()).is_admin:
        raise LeftOutError(LeftOut.UNAUTHORIZED, f"{what}: an empty list without the role admin")
