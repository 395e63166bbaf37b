"""Cinder: services, backends, and the number of volumes, snapshots and backups. Sizes are converted from GiB
to bytes.

Source: os-services, scheduler-stats, and the detailed lists with `all_tenants=1`. Cinder ignores that
parameter without the role that its policy names (`admin` by default), and lists the credential's project. If
another project's object is listed, all projects are visible.
"""

import math
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Backend, Backends, Objects, Services
from stratoscope.clouds.openstack.agents import OS_SERVICES, AgentList, only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.counting import CountedList, counted_row
from stratoscope.clouds.openstack.client.fields import GIB, Amount, Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.resources import by_uuid
from stratoscope.core.collector import Every

_Amount = Amount | Literal["infinite", "unknown"] | None
"""GiB."""
_Ratio = Annotated[str, msgspec.Meta(pattern=r"\A(?:auto|[0-9]{1,9}(?:\.[0-9]{0,9})?)\Z")]


class _Capabilities(msgspec.Struct, frozen=True):
    """The report of a backend's driver; malformed fields are unknown.

    Attributes:
        max_over_subscription_ratio: A number, often as text, or `auto`.
    """

    total_capacity_gb: _Amount = None
    free_capacity_gb: _Amount = None
    provisioned_capacity_gb: _Amount = None
    allocated_capacity_gb: _Amount = None
    max_over_subscription_ratio: Amount | _Ratio | None = None
    thin_provisioning_support: bool | None = None
    volume_backend_name: Text | None = None
    vendor_name: Text | None = None


class _Pool(msgspec.Struct, frozen=True):
    name: Text
    capabilities: _Capabilities


_SERVICES: Final = AgentList("block-storage", "/os-services", *OS_SERVICES, operation="os-services")
_POOLS: Final = Listing(
    "block-storage", "/scheduler-stats/get_pools", "pools", _Pool, operation="scheduler-stats"
)
_OWN: Final = "admin; any other sees its own project's"


def _is_bound_to_nothing(volume: Any) -> bool | None:
    if volume.status != "available":
        return False
    return None if volume.attachments is None else not volume.attachments


def _counted(sort: str, project_id: str, version: str = "", **more: Any) -> CountedList:
    """A list of objects with sizes in GiB. Args: project_id: The field. more: As of CountedList."""
    row = counted_row(
        {"project_id": project_id, "changed": "updated_at"},
        size=Any,
        project_id=Id,
        attachments=list[msgspec.Raw],
        name=Text,
        changed=datetime,
    )
    return CountedList(
        sort=sort,
        listing=Listing("block-storage", f"/{sort}/detail", sort, row, version=version),
        query={**WHOLE_PAGE, "all_tenants": "1"},
        hidden_owner=lambda one: one.project_id,
        unit=GIB,
        is_named=True,
        # Without the role admin it can only be the credential's own.
        default_owner=lambda access: None if access.is_admin else access.project_id,
        **more,
    )


_VOLUMES: Final = _counted(
    "volumes", "os-vol-tenant-attr:tenant_id", is_orphan=_is_bound_to_nothing, keeps_each=True
)
_SNAPSHOTS: Final = _counted("snapshots", "os-extended-snapshot-attributes:project_id")
# 3.18 reports the project of a backup.
_BACKUPS: Final = _counted("backups", "os-backup-project-attr:project_id", "3.18", extension="backups")


class Volume(Reader):
    """Cinder's questions, except for quotas."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @question("volume_services", Every(60, 30, 180), cost="1", role="admin")
    async def services(self) -> Services:
        """Schedulers, volume and backup services. `host` is host@backend for a volume service."""
        services, malformed = await _SERVICES.read(self._api)
        if not services and not malformed:
            await only_admins_see(self._api, "Cinder's services")
        return Services(services, malformed)

    @question("volume_backends", Every(120, 60, 360), cost="1", role="admin")
    async def backends(self) -> Backends:
        """Pools as last reported to the scheduler; a backend that is down may be missing."""
        pools, malformed = await self._api.items(_POOLS, {"detail": "True"})
        if not pools and not malformed:
            await only_admins_see(self._api, "Cinder's pools")
        return Backends(tuple(map(_backend, pools)), malformed)

    @question(
        "volumes",
        Every(300, 120, 900),
        cost="1 for each 1,000 volumes",
        role=_OWN,
        lists=by_uuid("volumes"),
    )
    async def volumes(self) -> Objects:
        """Volumes; one that is `available` and has no attachment is orphaned.

        One in error without an attachment is not counted as orphaned: its state shows it.
        """
        return await _VOLUMES.read(self._api)

    @question("snapshots", Every(300, 120, 900), cost="1 for each 1,000 snapshots", role=_OWN)
    async def snapshots(self) -> Objects:
        """Snapshots; their size is that of their volume."""
        return await _SNAPSHOTS.read(self._api)

    @question("backups", Every(300, 120, 900), cost="1 for each 1,000 backups", role=_OWN)
    async def backups(self) -> Objects:
        """Backups; their size is that of their volume. Raises LeftOutError if Cinder has none."""
        return await _BACKUPS.read(self._api)


def _backend(pool: _Pool) -> Backend:
    its = pool.capabilities
    return Backend(
        name=pool.name,
        total=_bytes(its.total_capacity_gb),
        free=_bytes(its.free_capacity_gb),
        provisioned=_bytes(its.provisioned_capacity_gb),
        allocated=_bytes(its.allocated_capacity_gb),
        ratio=_ratio(its),
        of_types=its.volume_backend_name or "",
        vendor=its.vendor_name or "",
    )


def _bytes(amount: _Amount) -> float | None:
    if amount == "infinite":
        return math.inf
    return amount * GIB if isinstance(amount, float) else None


def _ratio(its: _Capabilities) -> float | None:
    """The overcommit ratio; None for `auto`: Cinder computes it and does not report it."""
    ratio = its.max_over_subscription_ratio
    if its.thin_provisioning_support is False:
        return 1.0
    return None if ratio is None or ratio == "auto" else float(ratio)
