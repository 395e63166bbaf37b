"""What belongs to one server: its migrations, actions, volumes, interfaces; and all migrations."""

from collections.abc import Iterable

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.nova.paging import next_link, only, page_of
from stratoscope.demo.openstack.nova.servers import find
from stratoscope.demo.openstack.nova.service import administrators
from stratoscope.demo.openstack.nova.view import addresses
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import ipv4, mac_address, micro
from stratoscope.demo.openstack.things import VM, Action, Migration, Port, Volume
from stratoscope.demo.openstack.world import World


class History:
    """The parts of a server."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/os-migrations", self._migrations)
        yield Route("GET", "/servers/{server}/migrations", self._under_way)
        yield Route("GET", "/servers/{server}/os-instance-actions", self._actions)
        yield Route("GET", "/servers/{server}/os-volume_attachments", self._volumes)
        yield Route("GET", "/servers/{server}/os-interface", self._interfaces)
        yield Route("GET", "/servers/{server}/ips", self._addresses)
        yield Route("GET", "/servers/{server}/metadata", lambda ask: Answer({"metadata": find(ask).metadata}))

    def _migrations(self, ask: Ask) -> Answer:
        administrators(ask, "os-migrations:index")
        only(
            ask, "hidden", "host", "instance_uuid", "source_compute", "status", "migration_type", "limit",
            "marker", "changes-since", "changes-before", "user_id", "project_id",
        )  # fmt: skip
        status, instance = ask.query.get("status"), ask.query.get("instance_uuid")

        def keep(one: Migration) -> bool:
            return status in (None, one.status) and instance in (None, one.vm.vm_id)

        if not ask.since(59):
            found = self._world.migrations.page(None, keep=keep)
            return Answer({"migrations": [_migration(ask, one) for one in found]})
        page = page_of(ask)
        found = self._world.migrations.page(page.limit, page.marker, keep=keep)
        more = next_link(ask, "migrations", page, [one.migration_id for one in found])
        return Answer({"migrations": [_migration(ask, one) for one in found], **more})

    def _under_way(self, ask: Ask) -> Answer:
        if not ask.since(23):
            raise RefusalError(404, "The resource could not be found.")
        vm = find(ask)
        administrators(ask, "servers:migrations:index")
        under_way = [
            one
            for one in self._world.migrations
            if one.vm is vm and one.kind == "live-migration" and _is_on(one)
        ]
        return Answer({"migrations": [_in_progress(ask, one) for one in under_way]})

    def _actions(self, ask: Ask) -> Answer:
        vm = find(ask)
        actions = reversed(self._world.history(vm))
        return Answer({"instanceActions": [_action(ask, vm, one) for one in actions]})

    def _volumes(self, ask: Ask) -> Answer:
        vm = find(ask)
        return Answer({"volumeAttachments": [_volume(ask, vm, volume) for volume in vm.volumes]})

    def _interfaces(self, ask: Ask) -> Answer:
        return Answer({"interfaceAttachments": [_interface(ask, port) for port in find(ask).ports]})

    def _addresses(self, ask: Ask) -> Answer:
        shown: Json = {}
        for name, found in addresses(find(ask)).items():
            rows = found if isinstance(found, list) else []
            shown[name] = [{"version": row["version"], "addr": row["addr"]} for row in rows]
        return Answer({"addresses": shown})


def _is_on(migration: Migration) -> bool:
    return migration.status in ("queued", "preparing", "running", "post-migrating")


def _migration(ask: Ask, one: Migration) -> Json:
    shown: Json = {"id": one.number}
    if ask.since(59):
        shown["uuid"] = one.migration_id
    shown |= {
        "source_compute": one.source.name,
        "dest_compute": one.target.name,
        "source_node": one.source.name,
        "dest_node": one.target.name,
        "dest_host": one.target.address if one.kind == "resize" else None,
        "old_instance_type_id": one.old_flavor.number,
        "new_instance_type_id": one.new_flavor.number,
        "instance_uuid": one.vm.vm_id,
        "status": one.status,
    }
    if ask.since(23):
        shown["migration_type"] = one.kind
    if ask.since(80):
        shown |= {"user_id": one.vm.user.user_id, "project_id": one.vm.project.project_id}
    return shown | {"created_at": micro(one.created), "updated_at": micro(one.updated)}


def _in_progress(ask: Ask, one: Migration) -> Json:
    """As of the API reference: none was under way where answers were recorded."""
    shown: Json = {
        "created_at": micro(one.created),
        "dest_compute": one.target.name,
        "dest_host": one.target.address,
        "dest_node": one.target.name,
        "disk_processed_bytes": 0,
        "disk_remaining_bytes": 0,
        "disk_total_bytes": 0,
        "id": one.number,
        "memory_processed_bytes": 0,
        "memory_remaining_bytes": one.old_flavor.memory_mib << 20,
        "memory_total_bytes": one.old_flavor.memory_mib << 20,
        "server_uuid": one.vm.vm_id,
        "source_compute": one.source.name,
        "source_node": one.source.name,
        "status": one.status,
        "updated_at": micro(one.updated),
    }
    if ask.since(59):
        shown["uuid"] = one.migration_id
    if ask.since(80):
        shown |= {"user_id": one.vm.user.user_id, "project_id": one.vm.project.project_id}
    return shown


def _action(ask: Ask, vm: VM, one: Action) -> Json:
    shown: Json = {
        "action": one.name,
        "instance_uuid": vm.vm_id,
        "request_id": one.request_id,
        "user_id": one.user_id,
        "project_id": vm.project.project_id,
        "start_time": micro(one.started),
        "message": one.message,
    }
    return shown | ({"updated_at": micro(max(one.started, vm.updated))} if ask.since(58) else {})


def _volume(ask: Ask, vm: VM, volume: Volume) -> Json:
    shown: Json = {} if ask.since(89) else {"id": volume.volume_id}
    shown |= {"volumeId": volume.volume_id, "serverId": vm.vm_id, "device": volume.device}
    if ask.since(70):
        shown["tag"] = None
    if ask.since(79):
        shown["delete_on_termination"] = volume.is_deleted_with_vm
    if ask.since(89):
        shown |= {"attachment_id": volume.attachment_id, "bdm_uuid": volume.attachment_id}
    return shown


def _interface(ask: Ask, port: Port) -> Json:
    address = ipv4(port.subnet.first + port.offset)
    shown: Json = {
        "net_id": port.subnet.network.network_id,
        "port_id": port.port_id,
        "mac_addr": mac_address(port.mac),
        "port_state": port.status,
        "fixed_ips": [{"subnet_id": port.subnet.subnet_id, "ip_address": address}],
    }
    return shown | ({"tag": None} if ask.since(70) else {})
