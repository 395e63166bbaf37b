"""Groups as projects, users, clusters as zones, and the quotas of groups and users."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.opennebula.client.access import Access, checked, kept
from stratoscope.clouds.opennebula.client.items import MIB, Element, decimal, fields, number, within
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.owners import Project, Projects, Quota, Quotas, User
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

_KEPT_S: Final = 600.0
"""How long a cluster's name is believed."""
_UNLIMITED: Final = -2
_DEFAULT: Final = -1
_MOST: Final = 5_000
"""Quotas of single datastores, networks, images and clusters that are shown, those that are used most."""
_IN_MIB: Final = frozenset({"MEMORY", "RUNNING_MEMORY", "SYSTEM_DISK_SIZE", "SIZE"})
_VMS: Final = "vm"
_CLUSTERS: Final = "cluster"
_SECTIONS: Final = {"VM": _VMS, "DATASTORE": "datastore", "NETWORK": "network", "IMAGE": "image"}
"""The label `service` by section of the quotas; those of VMs of some clusters (since 7.0) have their own."""


_DEFAULTS: Final = ("DEFAULT_GROUP_QUOTAS", "DEFAULT_USER_QUOTAS")


class _Part(msgspec.Struct, frozen=True):
    """One quota of one owner.

    Attributes:
        object_id: Of a datastore, network, image, or the clusters whose VMs it is about; "" for all VMs.
        used: None if oned has counted it down below 0, as it does until `onedb fsck`.
    """

    service: str
    object_id: str
    resource: str
    limit: float
    used: float | None


class Limits(msgspec.Struct, frozen=True):
    """The quotas of one owner. Attributes: owner: "" for the default ones."""

    owner: str
    parts: tuple[_Part, ...]


class Owners(Reader):
    """The owners of one zone."""

    def __init__(self, oned: Oned, pools: Pools, access: TTLCache[Access]) -> None:
        self._oned, self._pools, self._access = oned, pools, access
        self._clusters = TTLCache(self._read_clusters, oned.budget.clock)

    async def clusters(self) -> Mapping[str, str]:
        """The names of clusters, by id; those that the credential may not see are absent."""
        return await self._clusters.not_older_than(_KEPT_S)

    @question(
        "groups",
        Every(600, 60, 1800),
        cost="2",
        role="group oneadmin, or GROUP/* and USER/* USE; any other sees its own",
    )
    async def read(self) -> Projects:
        """Groups and users. Raises as Pools."""
        groups, odd_groups = await self._pools.whole("grouppool.info", "GROUP", _group)
        users, odd_users = await self._pools.whole("userpool.info", "USER", _user)
        access = await kept(self._access)
        for pool, found, odd in (("GROUP", groups, odd_groups), ("USER", users, odd_users)):
            await checked(self._access, pool, found, odd, f"{pool.lower()}pool.info")
        return Projects(
            tuple(groups),
            tuple(users),
            odd_groups + odd_users,
            {
                "projects": not access.sees_all("GROUP"),
                "users": not access.sees_all("USER"),
                "clusters": not access.sees_all("CLUSTER"),
            },
        )

    @question(
        "quotas",
        Every(60, 50, 300),
        cost="2",
        role="group oneadmin, or GROUP/* and USER/* USE; any other sees its own",
    )
    async def quotas(self) -> Quotas:
        """The quotas of groups and users. Raises as Pools."""
        found: list[Quota] = []
        malformed = 0
        for method, is_user in (("grouppool.info", False), ("userpool.info", True)):
            limits, odd = await self._pools.whole(method, ("QUOTAS", *_DEFAULTS), limits_of)
            owned = [one for one in limits if one.owner]
            await checked(self._access, "USER" if is_user else "GROUP", owned, odd, method)
            found += quotas_of(limits, is_user=is_user)
            malformed += odd
        return Quotas(tuple(bounded(found)), None, malformed)

    async def _read_clusters(self) -> Mapping[str, str]:
        found, _ = await self._pools.whole("clusterpool.info", "CLUSTER", _identity)
        return dict(found)


def limits_of(element: Element) -> Limits:
    """The quotas of an owner, or the default ones. Raises ValueError, KeyError if they make no sense."""
    owner = "" if element.tag in _DEFAULTS else number(element.findtext("ID", ""))
    return Limits(owner, tuple(_parts(element)))


def quotas_of(limits: Sequence[Limits], *, is_user: bool) -> list[Quota]:
    """The quotas of groups or users."""
    defaults = {_key(part): part.limit for one in limits if not one.owner for part in one.parts}
    return [
        _quota(one.owner, part, defaults, is_user=is_user)
        for one in limits
        if one.owner
        for part in one.parts
    ]


def bounded(quotas: Sequence[Quota]) -> Iterable[Quota]:
    """All quotas of VMs, and of those of single objects the ones that are used most."""
    of_vms = [one for one in quotas if one.service == _VMS]
    of_objects = [one for one in quotas if one.service != _VMS]
    of_objects.sort(key=lambda one: -(one.used or 0) / one.limit if one.limit else 0)
    return [*of_vms, *of_objects[:_MOST]]


def _quota(
    owner: str, part: _Part, defaults: Mapping[tuple[str, str, str], float], *, is_user: bool
) -> Quota:
    limit = defaults.get(_key(part), _UNLIMITED) if part.limit == _DEFAULT else part.limit
    in_bytes = part.resource in _IN_MIB
    unit = MIB if in_bytes else 1
    return Quota(
        project_id="" if is_user else owner,
        service=part.service,
        resource=f"{part.resource} {part.object_id}" if part.object_id else part.resource,
        limit=None if limit < 0 else limit * unit,
        used=None if part.used is None else part.used * unit,
        reserved=None,
        in_bytes=in_bytes,
        user_id=owner if is_user else "",
    )


def _parts(quotas: Element) -> Iterable[_Part]:
    """Each quota; every one has its usage beside it. Raises ValueError, KeyError."""
    for section, service in _SECTIONS.items():
        for element in quotas.iterfind(f"{section}_QUOTA/{section}"):
            found = fields(element)
            clusters = found.get("CLUSTER_IDS", "")
            object_id, of = (clusters, _CLUSTERS) if clusters else (found.get("ID", ""), service)
            for resource in found:
                if f"{resource}_USED" in found:
                    limit, used = _limit(found[resource]), decimal(found, f"{resource}_USED")
                    yield _Part(of, object_id, resource, limit, used)


def _limit(text: str) -> float:
    """A limit; one below 0 says that there is none here. Raises ValueError."""
    limit = float(text)
    return limit if limit < 0 else within(limit, "limit")


def _key(part: _Part) -> tuple[str, str, str]:
    return part.service, part.object_id, part.resource


def _identity(element: Element) -> tuple[str, str]:
    found = fields(element)
    return number(found["ID"]), found["NAME"]


def _group(element: Element) -> Project:
    return Project(*_identity(element), keystone_domain="", is_enabled=None)


def _user(element: Element) -> User:
    return User(*_identity(element), keystone_domain="", is_enabled=fields(element)["ENABLED"] == "1")
