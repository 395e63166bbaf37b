"""Records what a real OpenStack answers to calls.py: tests/fixtures/openstack/demo/<service>.jsonl.

    PYTHONPATH=tests python tests/demo/record.py http://127.0.0.1:5000

It is meant for the cloud that scripts/openstack-up brings up, with its users and their password. What the
calls need besides (servers in several states, a router, volumes ...) it makes there itself, under names that
begin with `record-`; `record.py --clean http://127.0.0.1:5000` deletes it.
"""

import json
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import openstack

from demo.calls import Call, calls, changes
from demo.exchange import Asked, log_in
from demo.places import places

FIXTURES = Path(__file__).parents[1] / "fixtures" / "openstack" / "demo"
PASSWORD = "mini"  # noqa: S105 - of a cloud that lives for an hour
USERS = {"admin": ("admin", "admin"), "reader": ("exporter", "admin"), "user1": ("user1", "project1")}
"""User and project, by the cloud's name in calls.py."""
_MOST, _LONGEST, _OF_REFUSALS = 2, 10, 300
"""So many items of lists are kept, so many characters of texts, and of the texts of refusals."""


def connect(url: str, user: str, project: str) -> openstack.connection.Connection:
    """To the cloud as one of its users."""
    auth = {
        "auth_url": f"{url}/v3",
        "username": user,
        "password": PASSWORD,
        "project_name": project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    return openstack.connect(auth=auth, region_name="RegionOne")


def prepare(admin: openstack.connection.Connection, user: openstack.connection.Connection) -> str:
    """Make what the calls need; returns the id of an application credential."""
    outside = admin.network.find_network("record-outside") or admin.network.create_network(
        name="record-outside", is_router_external=True
    )
    if not outside.subnet_ids:
        admin.network.create_subnet(
            network_id=outside.id,
            name="record-outside",
            cidr="203.0.113.0/24",
            ip_version=4,
            enable_dhcp=False,
        )
    if user.network.find_network("record-inside") is None:
        _furnish(admin, user, outside.id)
    user.identity.delete_application_credential(user.current_user_id, _credential(user), ignore_missing=True)
    made = user.identity.create_application_credential(
        user=user.current_user_id, name="record", secret=PASSWORD
    )
    return str(made.id)


def _credential(user: openstack.connection.Connection) -> str:
    found = user.identity.application_credentials(user.current_user_id)
    return next((one.id for one in found if one.name == "record"), "none")


def _furnish(
    admin: openstack.connection.Connection, user: openstack.connection.Connection, outside_id: str
) -> None:
    """Networks, servers in several states, volumes and their copies."""
    inside = user.network.create_network(name="record-inside")
    subnet = user.network.create_subnet(
        network_id=inside.id, name="record-inside", cidr="10.77.0.0/24", ip_version=4
    )
    router = user.network.create_router(
        name="record-router", external_gateway_info={"network_id": outside_id}
    )
    user.network.add_interface_to_router(router, subnet_id=subnet.id)
    user.compute.create_keypair(name="record-key")
    group = user.compute.create_server_group(name="record-group", policies=["anti-affinity"])
    image, tiny = admin.image.find_image("cirros"), admin.compute.find_flavor("probe.tiny")
    wanted: dict[str, dict[str, object]] = {
        "record-active": {
            "key_name": "record-key",
            "metadata": {"role": "web"},
            "scheduler_hints": {"group": group.id},
        },
        "record-stopped": {},
        "record-resized": {},
        "record-moved": {},
        "record-deleted": {},
        "record-failed": {"availability_zone": "broken"},
    }
    servers = {
        name: user.compute.create_server(
            name=name, image_id=image.id, flavor_id=tiny.id, networks=[{"uuid": inside.id}], **more
        )
        for name, more in wanted.items()
    }
    volumes = {
        name: user.block_storage.create_volume(name=name, size=1) for name in ("record-data", "record-loose")
    }
    for name, server in servers.items():
        if name != "record-failed":
            servers[name] = user.compute.wait_for_server(server, wait=180)
    user.compute.stop_server(servers["record-stopped"])
    user.compute.resize_server(servers["record-resized"], admin.compute.find_flavor("m1.small"))
    admin.compute.live_migrate_server(servers["record-moved"], block_migration="auto")
    user.compute.delete_server(servers["record-deleted"])
    user.compute.create_volume_attachment(servers["record-active"], volume_id=volumes["record-data"].id)
    port = next(iter(user.network.ports(device_id=servers["record-active"].id)))
    user.network.create_ip(floating_network_id=outside_id)
    user.network.create_ip(floating_network_id=outside_id, port_id=port.id)
    user.block_storage.create_snapshot(name="record-snapshot", volume_id=volumes["record-loose"].id)
    user.block_storage.create_backup(name="record-backup", volume_id=volumes["record-loose"].id)
    time.sleep(30)  # the last of these take a while, and nothing tells when they are over


def record(url: str) -> None:
    """Make all calls and write down the answers."""
    credential = prepare(connect(url, *USERS["admin"]), connect(url, *USERS["user1"]))
    logged_in = {cloud: log_in(url, user, PASSWORD, project) for cloud, (user, project) in USERS.items()}
    host = url.rpartition(":")[0]
    ports = {
        "identity": 5000,
        "compute": 8774,
        "placement": 8778,
        "network": 9696,
        "block-storage": 8776,
        "image": 9292,
    }
    asked = Asked(
        {service: f"{host}:{port}" for service, port in ports.items()},
        {"compute": "/v2.1", "block-storage": "/v3"},
        {**{cloud: token for cloud, (token, _) in logged_in.items()}, "stale": "gAAAAnone"},
        projects={cloud: project for cloud, (_, project) in logged_in.items()},
    )
    asked.values = {**places(asked), "password": PASSWORD, "secret": PASSWORD, "credential": credential}
    lines: dict[str, list[str]] = {}
    for call in calls():
        lines.setdefault(call.service, []).append(line(asked, call))
    lines["changes"] = [line(asked, call) for call in changes()]
    for name, found in lines.items():
        (FIXTURES / f"{name}.jsonl").write_text("\n".join(found) + "\n", encoding="utf-8")


def line(asked: Asked, call: Call) -> str:
    """One exchange as it is kept: not all items of lists."""
    answer = asked.make(call)
    kept = {
        "call": call.name,
        "status": answer.status,
        "body": _cut(answer.body, _OF_REFUSALS if answer.status >= HTTPStatus.BAD_REQUEST else _LONGEST),
    }
    return json.dumps(kept, separators=(",", ":"))


def _cut(value: object, longest: int) -> object:
    if isinstance(value, list):
        return [_cut(one, longest) for one in value[:_MOST]]
    if isinstance(value, dict):
        return {key: _cut(one, longest) for key, one in value.items()}
    return value[:longest] if isinstance(value, str) else value


def clean(url: str) -> None:
    """Delete what `prepare` has made."""
    admin, user = connect(url, *USERS["admin"]), connect(url, *USERS["user1"])
    for server in _ours(user.compute.servers()):
        user.compute.delete_server(server)
        user.compute.wait_for_delete(server)
    _clean_volumes(user)
    outside = admin.network.find_network("record-outside")
    for address in user.network.ips(floating_network_id=outside.id if outside else "none"):
        user.network.delete_ip(address)
    for router in _ours(user.network.routers()):
        for port in user.network.ports(device_id=router.id, device_owner="network:router_interface"):
            user.network.remove_interface_from_router(router, port_id=port.id)
        user.network.delete_router(router)
    for connection in (user, admin):
        for network in _ours(connection.network.networks(project_id=connection.current_project_id)):
            connection.network.delete_network(network)
    user.compute.delete_keypair("record-key", ignore_missing=True)
    for group in _ours(user.compute.server_groups()):
        user.compute.delete_server_group(group)


def _clean_volumes(user: openstack.connection.Connection) -> None:
    for backup in _ours(user.block_storage.backups()):
        user.block_storage.delete_backup(backup)
    for snapshot in _ours(user.block_storage.snapshots()):
        user.block_storage.delete_snapshot(snapshot)
        user.block_storage.wait_for_delete(snapshot)
    for volume in _ours(user.block_storage.volumes()):
        user.block_storage.delete_volume(volume)


def _ours(things: Iterator[openstack.resource.Resource]) -> list[openstack.resource.Resource]:
    return [one for one in things if (one.name or "").startswith(("record-", "made-by-a-test"))]


if __name__ == "__main__":
    *option, where = sys.argv[1:]
    (clean if option == ["--clean"] else record)(where)
