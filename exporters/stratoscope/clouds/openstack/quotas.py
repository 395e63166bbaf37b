"""Quotas by project, and their use. Source: os-quota-sets of Nova and Cinder, Neutron's quotas; role admin.

No service has a list of all quotas: Nova and Cinder return one project at a time, and Neutron's list has only
projects whose quotas differ from the defaults, without their use. So the projects are read one by one, at
most one a second for each service, the one read longest ago first. A credential without that role reads only
its own project.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from stratoscope.clouds.abilities import Fetch, Question, Reader
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import Api, BadRequestError
from stratoscope.clouds.openstack.client.by_field import ByField, by_name
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.clouds.openstack.client.extensions import extension, lacks
from stratoscope.clouds.openstack.client.fields import GIB, MIB, Amount, Limit, Text, segment
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.owners import Quota, Quotas
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.core.collector import Every

_NAMES: Final = ("compute_quotas", "network_quotas", "volume_quotas")
PER_SECOND: Final = 1.0
MOST: Final = 60

_EACH: Final = frozenset({"key_pairs", "metadata_items", "server_group_members", "per_volume_gigabytes"})
"""Limits on each user, VM, server group or volume, which have no use by the project."""
_GIGABYTES: Final = frozenset({"gigabytes", "backup_gigabytes", "per_volume_gigabytes"})
_OF_A_TYPE: Final = ("volumes_", "gigabytes_", "snapshots_")
"""The prefix of a volume type's name, which may be any text: `volumes_x_gigabytes` is `volumes` of the type
x_gigabytes."""

_COMPUTE: Final = {
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
    "server_groups": ("maxServerGroups", "totalServerGroupsUsed"),
    "key_pairs": ("maxTotalKeypairs", "maxTotalKeypairs"),
    "metadata_items": ("maxServerMeta", "maxServerMeta"),
    "server_group_members": ("maxServerGroupMembers", "maxServerGroupMembers"),
}
"""Nova's resources, with the names of limit and use in `/limits`; for those in _EACH no use is reported."""
_VOLUME: Final[Mapping[str, tuple[str, str] | None]] = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    "snapshots": ("maxTotalSnapshots", "totalSnapshotsUsed"),
    "backups": ("maxTotalBackups", "totalBackupsUsed"),
    "backup_gigabytes": ("maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
    "per_volume_gigabytes": None,
    "groups": None,
}
"""As _COMPUTE; None if `/limits` does not have it."""

_Raws: TypeAlias = dict[Text, msgspec.Raw]
_Read: TypeAlias = tuple[tuple[Quota, ...], int]
"""The quotas of one project, and the number of resources whose quotas were malformed."""


class _Use(msgspec.Struct, frozen=True, gc=False):
    """The quota of one resource; Neutron's `used` is `in_use` in the other services."""

    limit: Limit
    in_use: Amount | None = None
    used: Amount | None = None
    reserved: Amount | None = None


class _Set(msgspec.Struct, frozen=True):
    """The quotas by resource; the project's id is one of the keys."""

    quota_set: _Raws


class _Quota(msgspec.Struct, frozen=True):
    """As _Set, in Neutron."""

    quota: _Raws


class _Absolute(msgspec.Struct, frozen=True):
    absolute: _Raws


class _Limits(msgspec.Struct, frozen=True):
    limits: _Absolute


_USE: Final = ByField(_Use)
_NUMBER: Final = Decoder(Limit)
_LIMITS_FOR_S: Final = 300.0
"""For this time no details are requested of a Neutron without the extension for them."""
_IDS: Final = frozenset({"id", "project_id", "tenant_id"})
"""The key of the project's id, among its resources."""


class ProjectQuotas(Reader):
    """The questions about quotas."""

    def __init__(self, api: Api, names: Names, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self._limits_until = -math.inf
        readers = (self.compute, self.network, self.volume)
        self._services = {
            name: _Service(name, names, read) for name, read in zip(_NAMES, readers, strict=True)
        }

    @classmethod
    def questions(cls) -> Sequence[Question]:
        cost = f"1 for each project in turn, at most {MOST}, and {PER_SECOND:g} a second"
        role = "admin; any other sees its own project's"
        return [
            Question(name=name, answer=Quotas, every=Every(60, 50, 300), cost=cost, role=role)
            for name in _NAMES
        ]

    def fetches(self) -> Mapping[str, Fetch]:
        return {name: service.read for name, service in self._services.items()}

    async def compute(self, project_id: str) -> _Read:
        """Nova's quotas of one project. Since 2.57 those of nova-network and file injection are gone."""
        return await self._quota_set("compute", project_id, "/detail", _COMPUTE, version="2.57")

    async def volume(self, project_id: str) -> _Read:
        """Cinder's quotas of one project; those of a volume type only if they have a limit."""
        return await self._quota_set("block-storage", project_id, "", _VOLUME, params={"usage": "True"})

    async def network(self, project_id: str) -> _Read:
        """Neutron's quotas of one project; for a deleted project it reports the defaults.

        Only limits without the extension for details (before Pike, or with a third-party core plugin).
        """
        path = f"/v2.0/quotas/{segment(project_id)}"
        now = self._clock.monotonic()
        if now >= self._limits_until:
            try:
                answer = await self._api.get("network", f"{path}/details.json", _Quota, operation="quotas")
            except NotThereError:
                if not await lacks(self._api, "quota_details"):
                    raise
                self._limits_until = now + _LIMITS_FOR_S
            else:
                uses, odd = _uses("network", answer.quota)
                return _quotas(project_id, "network", uses.items()), odd
        async with extension(self._api, "quotas"):
            bounds = await self._api.get("network", path, _Quota, operation="quotas")
        limits, odd = _numbers("network", bounds.quota)
        return _quotas(project_id, "network", ((name, _Use(one)) for name, one in limits.items())), odd

    async def _quota_set(
        self,
        service: str,
        project_id: str,
        path: str,
        names: Mapping[str, tuple[str, str] | None],
        **query: Any,
    ) -> _Read:
        """The quotas of these names, and those of single volume types that have a limit."""
        path = f"/os-quota-sets/{segment(project_id)}{path}"
        try:
            answer = await self._api.get(service, path, _Set, operation="os-quota-sets", **query)
        except ForbiddenError:
            return await self._limits(service, project_id, names)
        uses, odd = _uses(service, answer.quota_set)
        chosen = (
            (name, use)
            for name, use in uses.items()
            if name in names or (name.startswith(_OF_A_TYPE) and use.limit >= 0)
        )
        return _quotas(project_id, service, chosen), odd

    async def _limits(
        self, service: str, project_id: str, names: Mapping[str, tuple[str, str] | None]
    ) -> _Read:
        """The limits that a service reports to any user of the project. Raises ForbiddenError for another
        project.
        """
        if project_id != (await self._api.access()).project_id:
            raise ForbiddenError(f"{service}: quotas of other projects")
        reported = (await self._api.get(service, "/limits", _Limits, operation="limits")).limits.absolute
        absolute, odd = _numbers(service, reported)
        named = {resource: pair for resource, pair in names.items() if pair}
        negative = {used for limit, used in named.values() if used != limit and absolute.get(used, 0) < 0}
        uses = (
            (resource, _Use(absolute[limit], None if used in negative else absolute.get(used)))
            for resource, (limit, used) in named.items()
            if limit in absolute and used in reported
        )
        return _quotas(project_id, service, uses), odd + len(negative)


class _Service:
    """The quotas of one service, cached over refreshes."""

    def __init__(self, name: str, names: Names, read_one: Callable[[str], Awaitable[_Read]]) -> None:
        self._names, self._read_one = names, read_one
        self._round_robin: RoundRobin[tuple[Quota, ...]] = RoundRobin(name, per_second=PER_SECOND, most=MOST)
        self._odd = 0

    async def read(self) -> Quotas:
        """Reads the projects whose turn it is, and returns all known quotas."""
        self._odd = 0
        await self._round_robin.turn(await self._names.owners(), self._read)
        known = self._round_robin.values().values()
        quotas = tuple(quota for of_project in known for quota in of_project)
        return Quotas(quotas, self._round_robin.spread(), self._round_robin.failed + self._odd)

    async def _read(self, project_id: str) -> tuple[Quota, ...]:
        """The quotas of one project. A service that checks it in Keystone (Nova) answers 400 if it was
        deleted.
        """
        try:
            quotas, odd = await self._read_one(project_id)
        except BadRequestError as error:
            raise NotThereError(str(error)) from error
        self._odd += odd
        return quotas


def _uses(service: str, raws: Mapping[str, msgspec.Raw]) -> tuple[Mapping[str, _Use], int]:
    """The quotas by resource, and the number of malformed quotas or uses. Raises as `by_name`."""
    return by_name(_of_resources(raws), _USE.decode, f"{service}: quotas")


def _numbers(service: str, raws: Mapping[str, msgspec.Raw]) -> tuple[Mapping[str, float], int]:
    return by_name(_of_resources(raws), lambda raw: (_NUMBER.decode(raw), []), f"{service}: quotas")


def _of_resources(raws: Mapping[str, msgspec.Raw]) -> Mapping[str, msgspec.Raw]:
    """The entries that are resources; null is unknown."""
    return {name: raw for name, raw in raws.items() if name not in _IDS and bytes(raw) != b"null"}


def _quotas(project_id: str, service: str, uses: Iterable[tuple[str, _Use]]) -> tuple[Quota, ...]:
    return tuple(_quota(project_id, service, resource, use) for resource, use in uses)


def _quota(project_id: str, service: str, resource: str, use: _Use) -> Quota:
    unit = _unit(resource)
    used = None if resource in _EACH else use.used if use.in_use is None else use.in_use
    reserved = None if resource in _EACH else use.reserved
    return Quota(
        project_id=project_id,
        service=service,
        resource=resource,
        limit=None if use.limit < 0 else use.limit * unit,  # -1 is unlimited, everywhere
        used=None if used is None else used * unit,
        reserved=None if reserved is None else reserved * unit,
        in_bytes=unit > 1,
    )


def _unit(resource: str) -> int:
    """Bytes of one unit of a resource; 1 if it is counted in pieces."""
    if resource == "ram":
        return MIB
    return GIB if resource in _GIGABYTES or resource.startswith("gigabytes_") else 1
