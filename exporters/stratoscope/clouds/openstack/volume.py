"""Cinder: services and backends, and volumes, snapshots and backups counted. Sizes are GiB there, bytes here.

Source: os-services, scheduler-stats, and the detailed lists with `all_tenants=1`. Cinder takes no notice of
that without the role that its policy names (`admin` by default): then it answers with the credential's own
project's. Which of both it was another project's objects say, where there are any.
"""

import math
from typing import Annotated, Any, Final, Literal

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Backend, Backends, Objects, Services
from stratoscope.clouds.openstack.agents import ServiceRow, once, only_admins_see
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import GIB, Amount, Id, Text, size
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.core.collector import Every


class _Volume(msgspec.Struct, frozen=True, gc=False, rename={"project_id": "os-vol-tenant-attr:tenant_id"}):
    """Attributes: size: GiB. attachments: None where they are not told: it may be bound."""

    id: Id
    status: Text = ""
    size: Any = None
    project_id: Id | None = None
    attachments: list[msgspec.Raw] | None = None


class _Copy(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "of_snapshot": "os-extended-snapshot-attributes:project_id",
        "of_backup": "os-backup-project-attr:project_id",
    },
):
    """A snapshot or a backup: alike, but for where the project stands.

    Attributes:
        size: GiB.
    """

    id: Id
    status: Text = ""
    size: Any = None
    of_snapshot: Id | None = None
    of_backup: Id | None = None


_Amount = Amount | Literal["infinite", "unknown"] | None
"""GiB."""
_Ratio = Annotated[str, msgspec.Meta(pattern=r"\A(?:auto|[0-9]{1,9}(?:\.[0-9]{0,9})?)\Z")]


class _Capabilities(
    msgspec.Struct,
    frozen=True,
    rename={
        "total": "total_capacity_gb",
        "free": "free_capacity_gb",
        "provisioned": "provisioned_capacity_gb",
        "allocated": "allocated_capacity_gb",
        "ratio": "max_over_subscription_ratio",
        "is_thin": "thin_provisioning_support",
        "of_types": "volume_backend_name",
        "vendor": "vendor_name",
    },
):
    """What a backend's driver tells; whatever makes no sense in it is not known.

    Attributes:
        ratio: A number, often as text, or `auto`.
    """

    total: _Amount = None
    free: _Amount = None
    provisioned: _Amount = None
    allocated: _Amount = None
    ratio: Amount | _Ratio | None = None
    is_thin: bool | None = None
    of_types: Text | None = None
    vendor: Text | None = None


class _Pool(msgspec.Struct, frozen=True):
    name: Text
    capabilities: _Capabilities


_SERVICES: Final = Listing("block-storage", "/os-services", "services", ServiceRow, operation="os-services")
_POOLS: Final = Listing(
    "block-storage", "/scheduler-stats/get_pools", "pools", _Pool, operation="scheduler-stats"
)
_VOLUMES: Final = Listing("block-storage", "/volumes/detail", "volumes", _Volume)
_SNAPSHOTS: Final = Listing("block-storage", "/snapshots/detail", "snapshots", _Copy)
# 3.18 tells the project of a backup.
_BACKUPS: Final = Listing("block-storage", "/backups/detail", "backups", _Copy, version="3.18")

_ALL: Final = {**WHOLE_PAGE, "all_tenants": "1"}
_OWN: Final = "admin; any other sees its own project's"


class Volume(Reader):
    """Cinder's questions, but for quotas."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @question("volume_services", Every(60, 30, 180), cost="1", role="admin")
    async def services(self) -> Services:
        """Schedulers, volume and backup services. `host` is host@backend for a volume service."""
        rows, malformed = await self._api.items(_SERVICES)
        if not rows and not malformed:
            await only_admins_see(self._api, "Cinder's services")
        return Services(once(row.service("block-storage") for row in rows), malformed)

    @question("volume_backends", Every(120, 60, 360), cost="1", role="admin")
    async def backends(self) -> Backends:
        """Pools by what they last told the scheduler; a backend that is down may be missing."""
        pools, malformed = await self._api.items(_POOLS, {"detail": "True"})
        if not pools and not malformed:
            await only_admins_see(self._api, "Cinder's pools")
        return Backends(tuple(map(_backend, pools)), malformed)

    @question("volumes", Every(300, 120, 900), cost="1 for each 1,000 volumes", role=_OWN)
    async def volumes(self) -> Objects:
        """Volumes; one that is `available` and has no attachment is bound to nothing.

        One in error without an attachment is not counted so: its state tells.
        """
        tally = Tally("volumes", is_sized=True, has_orphans=True)
        access = await self._api.access()
        async for listed in pages(self._api, tally, _VOLUMES, _ALL):
            for one in listed:
                is_orphan = one.status == "available" and _is_bound_to_nothing(one)
                project_id = one.project_id or _own(access)
                is_others = is_anothers(one.project_id, access)
                its_size = size(one.size, GIB)
                tally.add(one.status, project_id, its_size, is_orphan=is_orphan, is_others=is_others)
        return tally.objects(is_whole=access.is_admin)

    @question("snapshots", Every(300, 120, 900), cost="1 for each 1,000 snapshots", role=_OWN)
    async def snapshots(self) -> Objects:
        """Snapshots; their size is that of their volume."""
        return await self._count("snapshots", _SNAPSHOTS)

    @question("backups", Every(300, 120, 900), cost="1 for each 1,000 backups", role=_OWN)
    async def backups(self) -> Objects:
        """Backups; their size is that of their volume.

        Raises:
            LeftOutError: `absent`, where Cinder has no backups.
        """
        async with extension(self._api, "backups", "block-storage"):
            return await self._count("backups", _BACKUPS)

    async def _count(self, sort: str, listing: Listing[_Copy]) -> Objects:
        tally, access = Tally(sort, is_sized=True), await self._api.access()
        async for listed in pages(self._api, tally, listing, _ALL):
            for one in listed:
                told = one.of_snapshot or one.of_backup
                is_others = is_anothers(told, access)
                tally.add(one.status, told or _own(access), size(one.size, GIB), is_others=is_others)
        return tally.objects(is_whole=access.is_admin)


def _is_bound_to_nothing(volume: _Volume) -> bool | None:
    return None if volume.attachments is None else not volume.attachments


def _own(access: Access) -> str | None:
    """The project of what comes without one: without the role admin it can only be the credential's own."""
    return None if access.is_admin else access.project_id


def _backend(pool: _Pool) -> Backend:
    told = pool.capabilities
    return Backend(
        pool.name,
        _bytes(told.total),
        _bytes(told.free),
        _bytes(told.provisioned),
        _bytes(told.allocated),
        1.0 if told.is_thin is False else _ratio(told.ratio),
        told.of_types or "",
        told.vendor or "",
    )


def _bytes(amount: _Amount) -> float | None:
    if amount == "infinite":
        return math.inf
    return amount * GIB if isinstance(amount, float) else None


def _ratio(ratio: float | str | None) -> float | None:
    """None for `auto`: Cinder works it out by itself and does not tell it."""
    return None if ratio is None or ratio == "auto" else float(ratio)
