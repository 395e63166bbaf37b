"""What the services tell of their own agents, in the shape that most of them share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.model import Service
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text, moment
from stratoscope.core.errors import LeftOut, LeftOutError

_UNKNOWN: Final = "UNKNOWN"


class ServiceRow(msgspec.Struct, frozen=True, gc=False):
    """One of `services` of Nova and Cinder.

    Attributes:
        status: `enabled`, `disabled` or, since Nova 2.69, UNKNOWN: its cell does not answer, so it is down
            for all who need it; then there is no more than binary and host.
        forced_down: Somebody marked it as down. Nova alone reports it, since 2.11.
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


def once(services: Iterable[Service]) -> tuple[Service, ...]:
    """Each service once, by binary and host, in their order.

    Of several rows (the host was set up anew; Heat lists dead engines for a while) the one that is up counts,
    else the newest; with the newest heartbeat of all.
    """
    found: dict[tuple[str, str], Service] = {}
    for service in services:
        key = service.binary, service.host
        found[key] = _newer(found[key], service) if key in found else service
    return tuple(found.values())


def _newer(one: Service, other: Service) -> Service:
    heartbeats = [row.heartbeat for row in (one, other) if row.heartbeat is not None]
    best = max(one, other, key=lambda row: (row.is_up, row.heartbeat or 0.0))
    return replace(best, heartbeat=max(heartbeats, default=None))


async def only_admins_see(api: Api, what: str) -> None:
    """Refuse an empty list without the role admin, which some services answer instead of 403. Raises
    LeftOutError.
    """
    if not (await api.access()).is_admin:
        raise LeftOutError(LeftOut.UNAUTHORIZED, f"{what}: an empty list without the role admin")
