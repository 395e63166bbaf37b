"""Cinder's things as it shows them: administrators see more."""

from stratoscope.demo.openstack.asking import Ask, Json
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.openstack.things import Copy, Daemon, Pool, Volume, VolumeType


def brief_volume(ask: Ask, one: Volume) -> Json:
    return {"id": one.volume_id, "name": one.name, "links": _links(ask, "volumes", one.volume_id)}


def volume(ask: Ask, one: Volume) -> Json:
    """cinder/api/v3/views/volumes.py"""
    is_admin = ask.who.is_admin
    shown: Json = {
        "id": one.volume_id,
        "status": one.status,
        "size": one.size_gib,
        "availability_zone": "nova",
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "description": None,
        "volume_type": one.pool.volume_type.name,
        "snapshot_id": None,
        "source_volid": None,
        "metadata": {},
        "links": _links(ask, "volumes", one.volume_id),
        "user_id": one.user.user_id,
        "bootable": "true" if one.image else "false",
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": False,
        "attachments": _attachments(one, is_admin=is_admin),
    }
    additions: tuple[tuple[int, bool, str, object], ...] = (
        (0, True, "migration_status", None),
        (13, False, "group_id", None),
        (21, True, "provider_id", None),
        (48, False, "shared_targets", False),
        (48, False, "service_uuid", one.pool.daemon.daemon_id),
        (61, True, "cluster_name", None),
        (63, False, "volume_type_id", one.pool.volume_type.type_id),
        (65, False, "consumes_quota", True),
        (0, False, "os-vol-tenant-attr:tenant_id", one.project.project_id),
        (0, True, "os-vol-mig-status-attr:migstat", None),
        (0, True, "os-vol-mig-status-attr:name_id", None),
        (0, True, "os-vol-host-attr:host", f"{one.pool.host}#{one.pool.name}"),
    )
    for since, for_admin, key, value in additions:
        if ask.since(since) and (is_admin or not for_admin):
            shown[key] = value
    if one.image is not None:
        shown["volume_image_metadata"] = {"signature_verified": "False", "image_id": one.image.image_id}
    return shown


def _attachments(one: Volume, *, is_admin: bool) -> list[Json]:
    if one.vm is None:
        return []
    host = one.vm.host.name if one.vm.host and is_admin else None
    attachment: Json = {
        "id": one.volume_id,
        "attachment_id": one.attachment_id,
        "volume_id": one.volume_id,
        "server_id": one.vm.vm_id,
        "host_name": host,
        "device": one.device,
        "attached_at": micro(one.attached),
    }
    return [attachment]


def brief_snapshot(ask: Ask, one: Copy) -> Json:  # noqa: ARG001 - the same for all
    return {
        "id": one.copy_id,
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "description": None,
        "volume_id": one.volume.volume_id,
        "status": one.status,
        "size": one.volume.size_gib,
        "metadata": {},
    }


def snapshot(ask: Ask, one: Copy) -> Json:
    shown = brief_snapshot(ask, one)
    if ask.since(14):
        shown["group_snapshot_id"] = None
    if ask.since(41):
        shown["user_id"] = one.volume.user.user_id
    if ask.since(65):
        shown["consumes_quota"] = True
    return shown | {
        "os-extended-snapshot-attributes:project_id": one.volume.project.project_id,
        "os-extended-snapshot-attributes:progress": "100%",
    }


def brief_backup(ask: Ask, one: Copy) -> Json:
    return {"id": one.copy_id, "name": one.name, "links": _links(ask, "backups", one.copy_id)}


def backup(ask: Ask, one: Copy) -> Json:
    shown: Json = {
        "id": one.copy_id,
        "status": one.status,
        "size": one.volume.size_gib,
        "object_count": 0,
        "availability_zone": None if one.fail_reason else "nova",
        "container": None if one.fail_reason else "volumebackups",
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "name": one.name,
        "description": None,
        "fail_reason": one.fail_reason,
        "volume_id": one.volume.volume_id,
        "links": _links(ask, "backups", one.copy_id),
        "is_incremental": False,
        "has_dependent_backups": False,
        "snapshot_id": None,
        "data_timestamp": micro(one.created),
    }
    if ask.since(43):
        shown["metadata"] = {}
    if ask.who.is_admin and ask.since(18):
        shown["os-backup-project-attr:project_id"] = one.volume.project.project_id
        if ask.since(56):
            shown["user_id"] = one.volume.user.user_id
    return shown


def volume_type(ask: Ask, one: VolumeType) -> Json:
    is_admin = ask.who.is_admin
    shown: Json = {
        "id": one.type_id,
        "name": one.name,
        "is_public": True,
        "description": one.description,
        "extra_specs": one.extra_specs if is_admin else {},
    }
    if is_admin:
        shown["qos_specs_id"] = None
    return shown | {"os-volume-type-access:is_public": True}


def service(ask: Ask, one: Daemon) -> Json:
    state = "up" if one.is_up(ask.now) else "down"
    is_backend = one.binary == "cinder-volume"
    shown: Json = {
        "binary": one.binary,
        "host": one.host,
        "zone": one.zone,
        "status": "enabled" if one.is_enabled else "disabled",
        "state": state,
        "updated_at": micro(one.heartbeat(ask.now)),
    }
    if is_backend and ask.since(49):
        shown["backend_state"] = state
    if ask.since(7):
        shown["cluster"] = None
    shown["disabled_reason"] = one.disabled_reason
    if is_backend:
        shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
    return shown


def pool(ask: Ask, one: Pool) -> Json:
    """A backend in detail: what its volumes have been given, whatever they hold of it."""
    given = sum(volume.size_gib for volume in ask.world.volumes if volume.pool is one)
    return {
        "pool_name": one.name,
        "total_capacity_gb": one.total_gib,
        "free_capacity_gb": round(one.total_gib - given * 0.6, 2),
        "provisioned_capacity_gb": given,
        "reserved_percentage": 0,
        "QoS_support": False,
        "filter_function": None,
        "goodness_function": None,
        "consistencygroup_support": False,
        "replication_enabled": False,
        "group_replication_enabled": False,
        "allocated_capacity_gb": given,
        "volume_backend_name": one.name,
        "storage_protocol": "ceph",
        "vendor_name": "Open Source",
        "driver_version": "1.3.0",
        "timestamp": micro(ask.now),
        "max_over_subscription_ratio": "20.0",
        "thin_provisioning_support": True,
        "multiattach": True,
    }


def _links(ask: Ask, sort: str, identity: str) -> list[Json]:
    return [
        {"rel": "self", "href": f"{ask.base}/v3/{sort}/{identity}"},
        {"rel": "bookmark", "href": f"{ask.base}/{sort}/{identity}"},
    ]
