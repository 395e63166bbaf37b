"""The lists in which services report their own agents: the same facts, in different fields."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.model import Service
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text, moment
from stratoscope.clouds.openstack.client.listing import Listing, Query
from stratoscope.core.errors import LeftOut, LeftOutError

_FACTS: Final[Mapping[str, tuple[str, *tuple[Any, ...]]]] = {
    "binary": ("binary", Text),
    "host": ("host", Text),
    "zone": ("zone", Text | None, None),
    "is_up": ("alive", bool),
    "state": ("state", Text, ""),
    "forced_down": ("forced_down", bool | None, None),
    "status": ("status", Text),
    "is_enabled": ("admin_state_up", bool | None, None),
    "is_disabled": ("disabled", bool | None, False),
    "reason": ("disabled_reason", str | None, None),
    "description": ("description", str | None, None),
    "heartbeat": ("updated_at", datetime | None, None),
}
"""The facts that an agent may report: the usual name of the field, its type, and its default if it is
optional.

`state` is up or not; `forced_down` is set by an administrator (Nova, since 2.11). `status` is enabled,
disabled or UNKNOWN. In `description` an administrator of Neutron can say why an agent is disabled."""
OS_SERVICES: Final = ("binary", "host", "zone", "state", "status", "reason", "heartbeat")
"""The facts that Nova, Cinder and Manila report."""
_RUNS_VMS: Final = "nova-compute"
_BY_NOVA: Final = "AUTO:"
"""How the reason begins when Nova itself disabled a service."""
_UNKNOWN: Final = "UNKNOWN"
"""Since Nova 2.69 the status of a service whose cell does not answer; it has only binary and host, and is
down."""


class _Agent(msgspec.Struct, frozen=True, gc=False):
    def __post_init__(self) -> None:
        """Reject an agent without a state: to report it as down would be a guess."""
        if not getattr(self, "state", True) and getattr(self, "status", "") != _UNKNOWN:
            raise ValueError("an agent without a state")


class AgentList:
    """A service's list of its agents."""

    def __init__(
        self,
        service: str,
        path: str,
        *facts: str,
        names: Mapping[str, str] | None = None,
        binary: str = "{}",
        **more: Any,
    ) -> None:
        """Make the type of the items from the fields.

        Args:
            facts: The facts that its agents report, keys of `_FACTS`.
            names: The source's names of fields that differ from the usual ones.
            binary: The agent's name; `{}` stands for the name in the item.
            more: As of Listing.
        """
        fields = [(fact, *_FACTS[fact][1:]) for fact in facts]
        rename = {fact: _FACTS[fact][0] for fact in facts} | dict(names or {})
        key = path.rpartition("/")[2].removeprefix("os-")
        item = msgspec.defstruct(
            key, fields, bases=(_Agent,), frozen=True, gc=False, kw_only=True, rename=rename
        )
        self.listing: Listing[Any] = Listing(service, path, key, item, **more)
        self._binary = binary

    async def read(self, api: Api, query: Query = ()) -> tuple[tuple[Service, ...], int]:
        """The agents, each once, and the number of malformed items. Raises as Api."""
        items, malformed = await api.items(self.listing, query)
        return once(map(self._service, items)), malformed

    def _service(self, item: msgspec.Struct) -> Service:
        facts = msgspec.structs.asdict(item)
        is_disabled = facts.get("is_disabled", facts.get("status") == "disabled")
        is_enabled = facts.get("is_enabled", None if is_disabled is None else not is_disabled)
        is_up = facts.get("is_up", facts.get("state") in ("up", "UP"))
        binary = self._binary.format(facts.get("binary"))
        reason = facts.get("reason") or (is_enabled is False and facts.get("description")) or ""
        return Service(
            service=self.listing.service,
            binary=binary,
            host=facts["host"],
            zone=facts.get("zone") or "",
            is_up=is_up and not facts.get("forced_down"),
            is_enabled=is_enabled,
            reason=reason,
            heartbeat=moment(facts.get("heartbeat")),
            is_forced_down=facts.get("forced_down"),
            runs_vms=binary == _RUNS_VMS,
            is_disabled_by_source=is_enabled is False and reason.startswith(_BY_NOVA),
        )


def once(services: Iterable[Service]) -> tuple[Service, ...]:
    """Each service once, by binary and host, in the order of the list.

    If there are several rows (a host was set up again; Heat lists dead engines for some time), the one that
    is up is used, else the newest one. It gets the newest heartbeat of all rows.
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
    """Reject an empty list without the role admin: some services return it instead of 403."""
    if not (await api.access()).is_admin:
        raise LeftOutError(LeftOut.UNAUTHORIZED, f"{what}: an empty list without the role admin")
