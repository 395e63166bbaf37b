"""What users do with VMs, and what becomes of it."""

import pytest

from demo.client import client, server_request
from demo.worlds import assert_consistent
from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.world.models import Resources
from support.demo_cloud import DemoCloud, demo_cloud

ACCEPTED = [name for name, error in BOOT_ERRORS.items() if not error.status]
REFUSED = [name for name, error in BOOT_ERRORS.items() if error.status]


async def states(cloud: DemoCloud, vm_id: str, seconds: int = 15) -> list[tuple[str, str | None]]:
    """The states that a VM goes through."""
    found: list[tuple[str, str | None]] = []
    vm = cloud.world.vms.get(vm_id)
    assert vm is not None
    for _ in range(seconds * 20):
        cloud.after(0.05)
        if not found or found[-1] != (vm.status, vm.task_state):
            found.append((vm.status, vm.task_state))
    return found


async def test_boot_goes_through_novas_states() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        assert await states(cloud, made["server"]["id"]) == [
            ("BUILD", "scheduling"),
            ("BUILD", None),
            ("BUILD", "networking"),
            ("BUILD", "block_device_mapping"),
            ("BUILD", "spawning"),
            ("ACTIVE", None),
        ]
        assert_consistent(cloud.world)


async def test_port_is_up_before_its_vm_runs() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        vm = cloud.world.vms.get(made["server"]["id"])
        assert vm is not None
        found: list[tuple[str, list[str]]] = []
        for _ in range(15 * 20):
            cloud.after(0.05)
            now = vm.status, [port.status for port in vm.ports]
            found += [now] if not found or found[-1] != now else []
        assert found == [
            ("BUILD", []),
            ("BUILD", ["DOWN"]),
            ("BUILD", ["ACTIVE"]),
            ("ACTIVE", ["ACTIVE"]),
        ]


async def test_port_is_deleted_by_its_owner_alone_and_none_of_a_router() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud) as admin:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        cloud.after(15)
        vm = cloud.world.vms.get(made["server"]["id"])
        assert vm is not None
        path = f"/network/v2.0/ports/{vm.ports[0].id}"
        others = next(
            port
            for port in cloud.world.ports
            if port.device_owner.startswith("compute:") and port.project is not vm.project
        )
        assert (await user.ask(f"/network/v2.0/ports/{others.id}", method="DELETE")).status == 404
        of_router = next(p for p in cloud.world.ports if p.device_owner == "network:router_interface")
        response = await admin.ask(f"/network/v2.0/ports/{of_router.id}", method="DELETE")
        assert response.status == 409
        assert (await user.ask(path, method="DELETE")).status == 204
        assert (await user.ask(path)).status == 404
        assert (await user.get(f"/compute/v2.1/servers/{vm.id}"))["server"]["addresses"] == {}
        assert_consistent(cloud.world)


async def test_vm_goes_to_the_host_that_was_requested_or_to_none() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        assert cloud.world.shared is not None
        name = next(name for name, host in cloud.world.hosts.items() if cloud.world.can_run(host))
        body = server_request(cloud, networks=[{"uuid": cloud.world.shared.id}], host=name)
        made = [await (await admin.post("/compute/v2.1/servers", body)).json() for _ in range(2)]
        cloud.after(3)
        paths = [f"/compute/v2.1/servers/{one['server']['id']}" for one in made]
        hosts = [(await admin.get(path))["server"]["OS-EXT-SRV-ATTR:host"] for path in paths]
        assert hosts == [name, name]
        cloud.world.hosts[name].daemon.is_enabled = False
        last = await (await admin.post("/compute/v2.1/servers", body)).json()
        cloud.after(3)
        shown = (await admin.get(f"/compute/v2.1/servers/{last['server']['id']}"))["server"]
        assert (shown["status"], shown["fault"]["message"]) == ("ERROR", "No valid host was found. ")


async def test_churn_leaves_alone_what_a_user_made() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        cloud.after(6 * 3600)
        response = await user.ask("/identity/v3/auth/projects")
        assert response.status == 401  # that long ago
        vm = cloud.world.vms.get(made["server"]["id"])
        assert vm is not None
        assert (vm.status, vm.task_state) == ("ACTIVE", None)


async def test_server_is_listed_until_it_is_gone_then_shown_as_deleted_to_who_asks_for_changes() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        path = f"/compute/v2.1/servers/{made['server']['id']}"
        cloud.after(15)
        assert (await user.ask(path, method="DELETE")).status == 204
        shown = (await user.get(path))["server"]
        assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("ACTIVE", "deleting")
        cloud.after(5)
        assert (await user.ask(path)).status == 404
        since = shown["updated"]
        changed = (await user.get(f"/compute/v2.1/servers/detail?changes-since={since}"))["servers"]
        assert {one["id"]: one["status"] for one in changed}[shown["id"]] == "DELETED"
        assert shown["id"] not in {one["id"] for one in (await user.get("/compute/v2.1/servers"))["servers"]}
        assert_consistent(cloud.world)


async def test_server_stops_and_starts() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        path = f"/compute/v2.1/servers/{made['server']['id']}"
        cloud.after(15)
        for action, status in (
            ({"os-stop": None}, "SHUTOFF"),
            ({"os-start": None}, "ACTIVE"),
        ):
            assert (await user.post(f"{path}/action", action)).status == 202
            cloud.after(5)
            assert (await user.get(path))["server"]["status"] == status
        actions = (await user.get(f"{path}/os-instance-actions"))["instanceActions"]
        assert [one["action"] for one in actions] == ["start", "stop", "create"]


async def test_server_that_is_deleted_while_it_is_built_leaves_nothing() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        for seconds in (0.1, 1.8, 3.0, 5.0):
            made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
            cloud.after(seconds)
            path = f"/compute/v2.1/servers/{made['server']['id']}"
            assert (await user.ask(path, method="DELETE")).status == 204
            cloud.after(5)
            assert_consistent(cloud.world)
            assert not [port for port in cloud.world.ports if port.device_id == made["server"]["id"]]


async def test_quota_binds_in_novas_words() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        project = next(project for project in cloud.world.projects if project.name == "astronomy")
        project.limits |= {"instances": project.used["instances"] + 1, "cores": -1, "ram": -1, "port": -1}
        assert (await user.post("/compute/v2.1/servers", server_request(cloud))).status == 202
        used = project.used["instances"]
        response = await user.post("/compute/v2.1/servers", server_request(cloud))
        assert response.status == 403
        assert (await response.json())["forbidden"]["message"] == (
            f"Quota exceeded for instances: Requested 1, but already used {used} of {used} instances"
        )
        project.limits["cores"] = 0
        response = await user.post("/compute/v2.1/servers", server_request(cloud))
        assert "Quota exceeded for cores, instances: Requested 1, 1, but" in await response.text()
        project.limits |= {"cores": -1, "instances": -1, "port": 0}
        response = await user.post("/compute/v2.1/servers", server_request(cloud))
        assert "Maximum number of ports exceeded" in await response.text()


async def test_server_without_room_fails_with_no_valid_host() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        for host in cloud.world.hosts.values():
            host.has = Resources()
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        seen = await states(cloud, made["server"]["id"], seconds=5)
        assert seen == [("BUILD", "scheduling"), ("ERROR", None)]
        shown = (await user.get(f"/compute/v2.1/servers/{made['server']['id']}"))["server"]
        assert shown["fault"]["message"] == "No valid host was found. "


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_boot_is_answered_with_novas_text(name: str) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": name, "count": 1})
        before = cloud.world.live
        response = await user.post("/compute/v2.1/servers", server_request(cloud))
        assert response.status == BOOT_ERRORS[name].status
        (error,) = (await response.json()).values()
        assert error["message"].startswith(BOOT_ERRORS[name].text.partition("{")[0])
        assert "{" not in error["message"]
        assert cloud.world.live == before
        assert (await user.post("/compute/v2.1/servers", server_request(cloud))).status == 202


@pytest.mark.parametrize("name", ACCEPTED)
async def test_doomed_boot_ends_in_error_with_novas_text_or_never(name: str) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": name, "count": 1})
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        vm_id = made["server"]["id"]
        seen = await states(cloud, vm_id)
        if name == "stuck":
            assert seen[-1] == ("BUILD", "spawning")
            return
        assert seen[-1] == ("ERROR", None)
        assert (("BUILD", "spawning") in seen) is not BOOT_ERRORS[name].is_of_scheduling
        shown = (await user.get(f"/compute/v2.1/servers/{vm_id}"))["server"]
        assert shown["fault"]["message"].startswith(BOOT_ERRORS[name].text.partition("{")[0])
        assert (shown["addresses"], shown["hostId"]) == ({}, "")
        assert_consistent(cloud.world)


async def test_boots_of_one_image_fail_and_those_of_others_do_not() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": "policy", "image": "rocky-9"})
        images = {image.name: image.id for image in cloud.world.images}
        answers = [
            (await user.post("/compute/v2.1/servers", server_request(cloud, imageRef=images[name]))).status
            for name in ("rocky-9", "cirros", "rocky-9")
        ]
        assert answers == [403, 202, 403]


async def test_own_text_takes_the_place_of_novas() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": "build_aborted", "text": "no luck {vm}"})
        made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
        cloud.after(15)
        shown = (await user.get(f"/compute/v2.1/servers/{made['server']['id']}"))["server"]
        assert shown["fault"]["message"] == f"no luck {made['server']['id']}"


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"networks": "none"}, 202, ""),
        ({"networks": "auto"}, 409, "Multiple possible networks found"),
        ({"imageRef": "queued"}, 400, "is not active"),
        ({"imageRef": "windows"}, 400, "Flavor's memory is too small"),
        ({"networks": [{"uuid": "external"}]}, 202, ""),
        ({"availability_zone": "edge"}, 202, ""),
        ({"availability_zone": "edge:cn06"}, 403, "servers:create:requested_destination"),
        ({"host": "cn06"}, 403, "servers:create:requested_destination"),
        ({"metadata": {"a": 1}}, 400, "Invalid input for field/attribute"),
        ({"nope": 1}, 400, "Invalid input for field/attribute"),
        ({"key_name": "user1-key"}, 202, ""),
        ({"description": "for a test", "metadata": {"a": "b"}}, 202, ""),
    ],
)
async def test_server_request_is_checked(more: dict[str, object], status: int, text: str) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        world = cloud.world
        assert world.external is not None
        ids = {"external": world.external.id}
        for short, name in (("queued", "upload-in-progress"), ("windows", "windows-2022")):
            ids[short] = next(image.id for image in world.images if image.name == name)
        body = server_request(cloud, **more)
        server = body["server"]
        assert isinstance(server, dict)
        server["imageRef"] = ids.get(server["imageRef"], server["imageRef"])
        if server["networks"] == [{"uuid": "external"}]:
            server["networks"] = [{"uuid": ids["external"]}]
        response = await user.post("/compute/v2.1/servers", body)
        assert response.status == status
        assert text in await response.text()


async def test_vm_on_the_external_network_fails_as_no_port_can_be_made() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        assert cloud.world.external is not None
        body = server_request(cloud, networks=[{"uuid": cloud.world.external.id}])
        made = await (await user.post("/compute/v2.1/servers", body)).json()
        cloud.after(15)
        shown = (await user.get(f"/compute/v2.1/servers/{made['server']['id']}"))["server"]
        assert shown["status"] == "ERROR"
        assert "Failed to allocate the network(s), not rescheduling" in shown["fault"]["message"]
        assert_consistent(cloud.world)


async def test_server_without_a_host_is_gone_at_once() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        for seconds in (0.0, 15.0):
            cloud.cloud.faults.add({"fault": "refuse_boot", "count": 1})
            made = await (await user.post("/compute/v2.1/servers", server_request(cloud))).json()
            path = f"/compute/v2.1/servers/{made['server']['id']}"
            cloud.after(seconds)
            assert (await user.ask(path, method="DELETE")).status == 204
            assert (await user.ask(path)).status == 404
            assert_consistent(cloud.world)


async def test_body_that_is_no_json_is_refused() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        for path in ("servers", f"servers/{next(iter(cloud.world.vms)).id}/action"):
            response = await user.post(f"/compute/v2.1/{path}", [1])
            assert response.status in (400, 404)
