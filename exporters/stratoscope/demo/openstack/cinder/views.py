"""Cinder's objects as its API shows them; administrators see more."""

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.texts import micro, service_state
from stratoscope.demo.world.models import Copy, Daemon, Pool, Volume, VolumeType

_OWNERS_SINCE = 18
"""The microversion that tells administrators whose a backup is."""


def volume(request: Request, one: Volume) -> Json:
    shown: Json = {
        "id": one.id,
        "status": one.status,
        "size": one.size_gib,
        "availability_zone": "nova",
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "volume_type": one.pool.volume_type.name,
        "metadata": one.metadata,
        "user_id": one.user.id,
        "bootable": "true" if one.has_image else "false",
        "encrypted": False,
        "multiattach": False,
        "attachments": _attachments(request, one),
        "os-vol-tenant-attr:tenant_id": one.project.id,
    }
    host = f"{one.pool.host}#{one.pool.name}"
    return shown | ({"os-vol-host-attr:host": host} if request.caller.is_admin else {})


def _attachments(request: Request, one: Volume) -> list[Json]:
    if one.vm is None or one.status in ("reserved", "attaching"):
        return []
    host = one.vm.host.name if one.vm.host and request.caller.is_admin else None
    return [{"server_id": one.vm.id, "host_name": host, "device": one.device}]


def volume_type(_: Request, one: VolumeType) -> Json:
    return {"id": one.id, "name": one.name, "is_public": True}


def _copy(one: Copy) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "updated_at": micro(one.updated),
        "status": one.status,
        "size": one.volume.size_gib,
    }


def snapshot(_: Request, one: Copy) -> Json:
    return {**_copy(one), "os-extended-snapshot-attributes:project_id": one.project.id}


def backup(request: Request, one: Copy) -> Json:
    shown = {**_copy(one), "fail_reason": one.fail_reason}
    if request.caller.is_admin and request.since(_OWNERS_SINCE):
        shown["os-backup-project-attr:project_id"] = one.project.id
    return shown


def service(request: Request, one: Daemon) -> Json:
    return {
        "binary": one.binary,
        "host": one.host,
        "zone": one.zone,
        "updated_at": micro(one.heartbeat(request.now)),
        **service_state(request, one),
    }


def pool(request: Request, one: Pool) -> Json:
    """The capabilities of a backend: its volumes are counted in full, and taken to be 60 % written."""
    provisioned = sum(volume.size_gib for volume in request.world.volumes if volume.pool is one)
    capabilities = {
        "total_capacity_gb": one.total_gib,
        "free_capacity_gb": round(one.total_gib - provisioned * 0.6, 2),
        "provisioned_capacity_gb": provisioned,
        "allocated_capacity_gb": provisioned,
        "volume_backend_name": one.name,
        "vendor_name": "Open Source",
        "max_over_subscription_ratio": "20.0",
        "thin_provisioning_support": True,
    }
    name = f"{one.host}#{one.name}"
    return {"name": name, **({"capabilities": capabilities} if request.flag("detail") else {})}
