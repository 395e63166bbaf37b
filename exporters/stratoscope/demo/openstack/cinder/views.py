"""Cinder's objects as its API shows them; administrators see more."""

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.world.models import Copy, Daemon, Pool, Volume, VolumeType


def volume(request: Request, one: Volume) -> Json:
    """cinder/api/v3/views/volumes.py"""
    shown: Json = {
        "id": one.id,
        "status": one.status,
        "size": one.size_gib,
        "availability_zone": "nova",
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "description": one.description,
        "volume_type": one.pool.volume_type.name,
        "snapshot_id": None,
        "source_volid": None,
        "metadata": one.metadata,
        "links": _links(request, "volumes", one.id),
        "user_id": one.user.id,
        "bootable": "true" if one.has_image else "false",
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": False,
        "attachments": _attachments(request, one),
        "os-vol-tenant-attr:tenant_id": one.project.id,
    }
    additions: dict[int, Json] = {
        13: {"group_id": None},
        48: {"shared_targets": False, "service_uuid": one.pool.daemon.id},
        63: {"volume_type_id": one.pool.volume_type.id},
        65: {"consumes_quota": True},
    }
    shown |= request.newer(additions)
    if request.caller.is_admin:
        shown |= {
            "migration_status": None,
            "os-vol-mig-status-attr:migstat": None,
            "os-vol-mig-status-attr:name_id": None,
            "os-vol-host-attr:host": f"{one.pool.host}#{one.pool.name}",
            **request.newer({21: {"provider_id": None}, 61: {"cluster_name": None}}),
        }
    if one.image is not None and one.has_image:
        shown["volume_image_metadata"] = {"signature_verified": "False", "image_id": one.image.id}
    return shown


def accepted(request: Request, one: Volume) -> Json:
    """A volume as the response to its creation shows it: without what extensions add to other views."""
    shown = volume(request, one)
    return {name: value for name, value in shown.items() if not name.startswith("os-vol-")} | {
        "updated_at": None
    }


def volume_type(request: Request, one: VolumeType) -> Json:
    shown: Json = {
        "id": one.id,
        "name": one.name,
        "is_public": True,
        "description": None,
        "extra_specs": {},
        "os-volume-type-access:is_public": True,
    }
    return shown | ({"qos_specs_id": None} if request.caller.is_admin else {})


def _attachments(request: Request, one: Volume) -> list[Json]:
    if one.vm is None or one.status in ("reserved", "attaching"):
        return []
    attachment: Json = {
        "id": one.id,
        "attachment_id": one.attachment_id,
        "volume_id": one.id,
        "server_id": one.vm.id,
        "host_name": one.vm.host.name if one.vm.host and request.caller.is_admin else None,
        "device": one.device,
        "attached_at": micro(one.attached),
    }
    return [attachment]


def _copy(one: Copy) -> Json:
    return {
        "id": one.id,
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "description": None,
        "volume_id": one.volume.id,
        "status": one.status,
        "size": one.volume.size_gib,
    }


def snapshot(request: Request, one: Copy) -> Json:
    additions: dict[int, Json] = {
        14: {"group_snapshot_id": None},
        41: {"user_id": one.volume.user.id},
        65: {"consumes_quota": True},
    }
    return {
        **_copy(one),
        "metadata": {},
        "os-extended-snapshot-attributes:project_id": one.project.id,
        "os-extended-snapshot-attributes:progress": "100%",
        **request.newer(additions),
    }


def backup(request: Request, one: Copy) -> Json:
    additions: dict[int, Json] = {
        18: {"os-backup-project-attr:project_id": one.project.id},
        56: {"user_id": one.volume.user.id},
    }
    return {
        **_copy(one),
        "object_count": 0,
        "availability_zone": None if one.fail_reason else "nova",
        "container": None if one.fail_reason else "volumebackups",
        "fail_reason": one.fail_reason,
        "links": _links(request, "backups", one.id),
        "is_incremental": False,
        "has_dependent_backups": False,
        "snapshot_id": None,
        "data_timestamp": micro(one.created),
        **request.newer({43: {"metadata": {}}}),
        **(request.newer(additions) if request.caller.is_admin else {}),
    }


def service(request: Request, one: Daemon) -> Json:
    state = "up" if one.is_up(request.now) else "down"
    shown: Json = {
        "binary": one.binary,
        "host": one.host,
        "zone": one.zone,
        "status": "enabled" if one.is_enabled else "disabled",
        "state": state,
        "updated_at": micro(one.heartbeat(request.now)),
        "disabled_reason": one.disabled_reason,
        **request.newer({7: {"cluster": None}}),
    }
    if one.binary == "cinder-volume":
        shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
        shown |= request.newer({49: {"backend_state": state}})
    return shown


def pool(request: Request, one: Pool) -> Json:
    """The capabilities of a backend: its volumes are counted in full, and taken to be 60 % written."""
    provisioned = sum(volume.size_gib for volume in request.world.volumes if volume.pool is one)
    return {
        "pool_name": one.name,
        "total_capacity_gb": one.total_gib,
        "free_capacity_gb": round(one.total_gib - provisioned * 0.6, 2),
        "provisioned_capacity_gb": provisioned,
        "reserved_percentage": 0,
        "QoS_support": False,
        "filter_function": None,
        "goodness_function": None,
        "consistencygroup_support": False,
        "replication_enabled": False,
        "group_replication_enabled": False,
        "allocated_capacity_gb": provisioned,
        "volume_backend_name": one.name,
        "storage_protocol": "ceph",
        "vendor_name": "Open Source",
        "driver_version": "1.3.0",
        "timestamp": micro(request.now),
        "max_over_subscription_ratio": "20.0",
        "thin_provisioning_support": True,
        "multiattach": True,
    }


def _links(request: Request, kind: str, identity: str) -> list[Json]:
    return [
        {"rel": "self", "href": f"{request.base}/v3/{kind}/{identity}"},
        {"rel": "bookmark", "href": f"{request.base}/{kind}/{identity}"},
    ]
