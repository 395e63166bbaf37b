# openstacksdk as Debian has it, inside:
# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
"""Fills the cloud: flavors, zones, networks, volumes, images, quotas and a dozen servers. Safe to run again.

`seed.py wait` only waits until hosts and agents are there. Raises TimeoutError when a host, an agent or
a server does not come to what it should.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import openstack

ZONES = {"az1": ("compute1", "compute2"), "small": ("compute3",), "broken": ("compute4",)}
FLAVORS: dict[str, tuple[int, int, int, dict[str, str]]] = {
    "tiny": (1, 64, 1, {}),
    "small": (1, 2048, 20, {}),
    "large": (8, 16384, 80, {}),
    "pinned": (4, 4096, 10, {"hw:cpu_policy": "dedicated"}),
    "huge-pages": (2, 1024, 10, {"hw:mem_page_size": "large"}),
    "too-large": (2000, 64, 1, {}),
}
"""vCPUs, MiB, GiB, extra specs."""
SERVERS = (
    ("user1", "web-1", "small", "az1", "ACTIVE"),
    ("user1", "web-2", "small", "az1", "ACTIVE"),
    ("user1", "pinned-1", "pinned", "az1", "ACTIVE"),
    ("user1", "off-1", "tiny", "az1", "ACTIVE"),
    ("user2", "db-1", "large", "az1", "ACTIVE"),
    ("user2", "paused-1", "tiny", "az1", "ACTIVE"),
    ("user2", "giant-1", "too-large", "az1", "ERROR"),
    ("user3", "edge-1", "small", "small", "ACTIVE"),
    ("user3", "edge-2", "tiny", "small", "ACTIVE"),
    ("user4", "broken-1", "tiny", "broken", "ERROR"),
    ("user4", "job-1", "tiny", "az1", "ACTIVE"),
    ("user5", "pages-1", "huge-pages", "az1", "ACTIVE"),
)
"""Whose, name, flavor, zone, and how it ends up."""
DISABLED, REASON = "compute4", "disk is being replaced"
PERSONS = tuple(f"user{number}" for number in range(1, 6))


def main() -> None:
    admin = openstack.connect(cloud="admin")
    if sys.argv[1:] == ["wait"]:
        wait_for_hosts(admin)
        return
    users = {name: openstack.connect(cloud=name) for name in PERSONS}
    add_flavors(admin)
    add_networks(admin)
    add_project_network(users["user1"])
    set_quotas(admin)
    add_images(admin, users["user2"])
    add_volumes(admin, users)
    wait_for_hosts(admin)
    add_zones(admin)
    add_servers(admin, users)
    finish_servers(admin, users)


def add_flavors(admin: Any) -> None:
    for name, (vcpus, ram, disk, specs) in FLAVORS.items():
        if not admin.compute.find_flavor(name):
            flavor = admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
            admin.compute.create_flavor_extra_specs(flavor, specs)


def add_networks(admin: Any) -> None:
    """One outside, one that all share, one that nobody uses, with IPv6."""
    network = admin.network
    if not network.find_network("outside"):
        outside = network.create_network(
            name="outside",
            is_router_external=True,
            provider_network_type="flat",
            provider_physical_network="outside",
        )
        add_subnet(network, outside, "outside-v4", "198.51.100.0/24")
    if not network.find_network("shared"):
        add_subnet(network, network.create_network(name="shared", is_shared=True), "shared-v4", "10.0.0.0/22")
    if not network.find_network("unused"):
        add_subnet(network, network.create_network(name="unused"), "unused-v6", "2001:db8::/64", 6)


def add_subnet(network: Any, of_network: Any, name: str, cidr: str, ip_version: int = 4) -> Any:
    return network.create_subnet(
        network_id=of_network.id, name=name, cidr=cidr, ip_version=ip_version, is_dhcp_enabled=False
    )


def add_project_network(user: Any) -> None:
    """A network of project1 behind a router with a way out; a router that is down; a port without device."""
    network = user.network
    if network.find_router("router-1"):
        return
    own = network.create_network(name="private-1")
    subnet = add_subnet(network, own, "private-1-v4", "10.1.0.0/24")
    outside = network.find_network("outside")
    router = network.create_router(name="router-1", external_gateway_info={"network_id": outside.id})
    network.add_interface_to_router(router, subnet_id=subnet.id)
    network.create_router(name="router-2", is_admin_state_up=False)
    network.create_port(network_id=own.id, name="spare-1")


def set_quotas(admin: Any) -> None:
    projects = {name: admin.identity.find_project(name) for name in (f"project{n}" for n in range(1, 6))}
    for project in projects.values():
        admin.compute.update_quota_set(project, instances=100, cores=5000, ram=4000000)
    admin.compute.update_quota_set(projects["project5"], cores=-1, ram=-1)
    admin.network.update_quota(projects["project5"].id, routers=-1)
    admin.block_storage.update_quota_set(projects["project5"], volumes=-1)
    admin.compute.update_quota_set(admin.identity.find_project("probe"), instances=5, cores=10, ram=10240)


def add_images(admin: Any, user: Any) -> None:
    common = {"disk_format": "raw", "container_format": "bare"}
    if not admin.image.find_image("cirros"):
        admin.create_image("cirros", data=b"\0" * 65536, visibility="public", wait=True, **common)
    if not user.image.find_image("private"):
        user.create_image("private", data=b"\0" * 1000, visibility="private", wait=True, **common)
        user.image.create_image(name="never-uploaded", **common)


def add_volumes(admin: Any, users: dict[str, Any]) -> None:
    """One that will be attached, one with a snapshot, one in error."""
    storage = users["user1"].block_storage
    if next(storage.volumes(), None):
        return
    storage.create_volume(name="data-1", size=10)
    spare = storage.create_volume(name="spare-1", size=3)
    lost = users["user2"].block_storage.create_volume(name="lost-1", size=7)
    storage.wait_for_status(spare, "available", ["error"], 1, 60)
    storage.create_snapshot(volume_id=spare.id, name="snapshot-1")
    users["user2"].block_storage.wait_for_status(lost, "available", ["error"], 1, 60)
    admin.block_storage.reset_volume_status(lost, status="error")


def wait_for_hosts(admin: Any) -> None:
    wanted = {host for hosts in ZONES.values() for host in hosts}

    def are_there() -> bool:
        services = {one.host for one in admin.compute.services(binary="nova-compute") if one.state == "up"}
        agents = {
            one.host for one in admin.network.agents(binary="neutron-openvswitch-agent") if one.is_alive
        }
        hypervisors = {one.name for one in admin.compute.hypervisors()}
        return wanted <= services & hypervisors & agents and wanted <= providers()

    def providers() -> set[str]:
        """A host is added to Placement's aggregate only if Placement knows it: else its zone stays empty."""
        placement = admin.placement
        return {one.name for one in placement.resource_providers() if has_inventory(placement, one)}

    wait_until(are_there, "all hosts and their agents are up", 120)


def has_inventory(placement: Any, provider: Any) -> bool:
    return next(placement.resource_provider_inventories(provider), None) is not None


def add_zones(admin: Any) -> None:
    there = {one.name for one in admin.compute.aggregates()}
    for zone, hosts in ZONES.items():
        if zone not in there:
            aggregate = admin.compute.create_aggregate(name=zone, availability_zone=zone)
            for host in hosts:
                admin.compute.add_host_to_aggregate(aggregate, host)


def add_servers(admin: Any, users: dict[str, Any]) -> None:
    """All that are not there yet; returns when each has come to its state."""
    there = {one.name for one in admin.compute.servers(all_projects=True)}
    missing = [one for one in SERVERS if one[1] not in there]
    image = admin.image.find_image("cirros").id
    shared = admin.network.find_network("shared").id
    own = admin.network.find_network("private-1").id
    for whose, name, flavor, zone, _ in missing:
        users[whose].compute.create_server(
            name=name,
            image_id=image,
            flavor_id=admin.compute.find_flavor(flavor).id,
            networks=[{"uuid": own if name.startswith("web-") else shared}],
            availability_zone=zone,
        )
    wanted = {name: state for _, name, _, _, state in SERVERS if name not in there}

    def have_come() -> bool:
        servers = {one.name: one for one in admin.compute.servers(all_projects=True)}
        wrong = [
            f"{name} is {servers[name].status}: {(servers[name].fault or {}).get('message', '')}"
            for name, state in wanted.items()
            if servers[name].status not in (state, "BUILD")
        ]
        if wrong:
            raise TimeoutError(f"these servers came to another state than they should: {'; '.join(wrong)}")
        return all(servers[name].status == state for name, state in wanted.items())

    wait_until(have_come, "all servers have come to their states", 240, every_s=2)


def finish_servers(admin: Any, users: dict[str, Any]) -> None:
    """What is done with servers once they run; then the host that breaks them is taken out."""
    floating(users["user1"], "web-1")
    if not next(users["user2"].network.ips(), None):
        outside = users["user2"].network.find_network("outside")
        users["user2"].network.create_ip(floating_network_id=outside.id)  # bound to nothing
    compute = users["user1"].compute
    web, off = (compute.find_server(name, ignore_missing=False) for name in ("web-1", "off-1"))
    volume = users["user1"].block_storage.find_volume("data-1", ignore_missing=False)
    if not list(compute.volume_attachments(web)):
        compute.create_volume_attachment(web, volume_id=volume.id)
    if compute.get_server(off).status == "ACTIVE":
        compute.stop_server(off)
    paused = users["user2"].compute.find_server("paused-1", ignore_missing=False)
    if users["user2"].compute.get_server(paused).status == "ACTIVE":
        users["user2"].compute.pause_server(paused)
    (service,) = admin.compute.services(host=DISABLED)
    admin.compute.disable_service(service, disabled_reason=REASON)
    wait_until(lambda: state_of(compute, off) == "SHUTOFF", "off-1 is off")
    wait_until(lambda: state_of(users["user2"].compute, paused) == "PAUSED", "paused-1 is paused")
    storage = users["user1"].block_storage
    wait_until(lambda: storage.get_volume(volume).status == "in-use", "data-1 is attached")


def floating(user: Any, server: str) -> None:
    """A floating address for a server."""
    network = user.network
    vm = user.compute.find_server(server, ignore_missing=False)
    (port,) = network.ports(device_id=vm.id)
    if not next(network.ips(port_id=port.id), None):
        network.create_ip(floating_network_id=network.find_network("outside").id, port_id=port.id)


def state_of(compute: Any, server: Any) -> str:
    return compute.get_server(server).status


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 60, every_s: float = 1) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(every_s)


if __name__ == "__main__":
    main()
