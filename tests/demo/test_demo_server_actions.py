"""Actions on servers that take several steps: resize, image, console."""

import base64
import hashlib
import json
from typing import Any

import pytest

from demo.client import Client, client, server_request
from demo.worlds import assert_consistent
from stratoscope.demo.world.models import VM, Project, Resources
from support.demo_cloud import DemoCloud, demo_cloud

SERVERS = "/compute/v2.1/servers"
IMAGES = "/image/v2/images"


async def vm_of(cloud: DemoCloud, user: Client) -> VM:
    """A server that runs."""
    made = await (await user.post(SERVERS, server_request(cloud))).json()
    cloud.after(15)
    vm = cloud.world.vms.get(made["server"]["id"])
    assert vm is not None
    return vm


async def act(user: Client, vm: VM, action: str, argument: object = None) -> tuple[int, str]:
    """The status and the text of the answer to an action."""
    response = await user.post(f"{SERVERS}/{vm.id}/action", {action: argument})
    return response.status, await response.text()


def states(cloud: DemoCloud, vm: VM, seconds: int) -> list[tuple[str, str | None]]:
    """The states that a VM goes through."""
    found: list[tuple[str, str | None]] = []
    for _ in range(seconds * 10):
        now = vm.status, vm.task_state
        found += [now] if found[-1:] != [now] else []
        cloud.after(0.1)
    return found


def flavor_id(cloud: DemoCloud, name: str) -> str:
    return next(flavor.id for flavor in cloud.world.flavors.values() if flavor.name == name)


def astronomy(cloud: DemoCloud) -> Project:
    return next(project for project in cloud.world.projects if project.name == "astronomy")


def unlimited(cloud: DemoCloud) -> None:
    astronomy(cloud).limits.update(cores=-1, ram=-1)


# -- Resize ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("was", ["ACTIVE", "SHUTOFF"])
async def test_resize_is_verified_then_confirmed_and_the_vm_is_as_it_was(was: str) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        unlimited(cloud)
        vm = await vm_of(cloud, user)
        if was == "SHUTOFF":
            await act(user, vm, "os-stop")
            assert states(cloud, vm, 5) == [("ACTIVE", "powering-off"), ("SHUTOFF", None)]
        status, _ = await act(user, vm, "resize", {"flavorRef": flavor_id(cloud, "m1.small")})
        assert status == 202
        assert states(cloud, vm, 12) == [
            ("RESIZE", "resize_prep"),
            ("RESIZE", "resize_migrating"),
            ("VERIFY_RESIZE", None),
        ]
        assert vm.flavor.name == "m1.small"
        response = await user.post(f"{SERVERS}/{vm.id}/action", {"confirmResize": None})
        assert response.status == 204
        cloud.after(3)
        shown = (await user.get(f"{SERVERS}/{vm.id}"))["server"]
        assert (shown["status"], shown["flavor"]["original_name"]) == (was, "m1.small")
        assert_consistent(cloud.world)
        cloud.after(90)  # nothing is confirmed a second time
        actions = (await user.get(f"{SERVERS}/{vm.id}/os-instance-actions"))["instanceActions"]
        assert [one["action"] for one in actions][:2] == ["confirmResize", "resize"]


async def test_resize_that_no_host_has_room_for_leaves_the_vm_as_it_was() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        unlimited(cloud)
        vm = await vm_of(cloud, user)
        for host in cloud.world.hosts.values():
            host.has = Resources() if host is not vm.host else host.has
        assert (await act(user, vm, "resize", {"flavorRef": flavor_id(cloud, "m1.small")}))[0] == 202
        assert states(cloud, vm, 5) == [("RESIZE", "resize_prep"), ("ACTIVE", None)]
        assert vm.flavor.name == "t1.nano"
        assert (await act(user, vm, "confirmResize"))[0] == 409


@pytest.mark.parametrize(
    ("flavor", "limits", "status", "text"),
    [
        ("t1.nano", {}, 400, "When resizing, instances must change flavor!"),
        ("nope", {}, 400, "Flavor nope could not be found."),
        ("m1.medium", {"cores": 0}, 403, "Quota exceeded for cores: Requested 1, but already used "),
        (
            "m1.small",
            {"cores": 0, "ram": 0},
            403,
            "Quota exceeded for ram: Requested 1536, but already used ",
        ),
    ],
)
async def test_resize_is_refused_in_novas_words(
    flavor: str, limits: dict[str, int], status: int, text: str
) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        unlimited(cloud)
        astronomy(cloud).limits.update(limits)
        known = {one.name: one.id for one in cloud.world.flavors.values()}
        assert vm.flavor.vcpus == 1
        found = await act(user, vm, "resize", {"flavorRef": known.get(flavor, flavor)})
        assert found[0] == status
        assert text in found[1]
        assert (vm.status, vm.task_state) == ("ACTIVE", None)


async def test_resize_without_a_flavor_and_while_another_action_runs_is_refused() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        status, text = await act(user, vm, "resize", {})
        assert (status, "missing required field `flavorRef`" in text) == (400, True)
        await act(user, vm, "os-stop")
        status, text = await act(user, vm, "resize", {"flavorRef": flavor_id(cloud, "m1.small")})
        assert (status, "while it is in task_state powering-off" in text) == (409, True)


# -- Images ----------------------------------------------------------------------------------------


async def image(user: Client, identity: str) -> dict[str, Any]:
    shown: dict[str, Any] = await user.get(f"{IMAGES}/{identity}")
    return shown


async def test_image_of_a_server_has_its_metadata_as_properties_and_is_queued_saving_active() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        wanted = {"name": "of-mine", "metadata": {"run": "7"}}
        status, text = await act(user, vm, "createImage", wanted)
        assert status == 202
        (identity,) = [one.id for one in cloud.world.images if one.name == "of-mine"]
        assert text == f'{{"image_id":"{identity}"}}'
        found: list[tuple[str, str | None]] = []
        for _ in range(60):
            now = (await image(user, identity))["status"], vm.task_state
            found += [now] if found[-1:] != [now] else []
            cloud.after(0.1)
        assert found == [
            ("queued", "image_snapshot_pending"),
            ("queued", "image_snapshot"),
            ("saving", "image_uploading"),
            ("active", None),
        ]
        shown = await image(user, identity)
        assert (shown["run"], shown["instance_uuid"], shown["image_type"]) == ("7", vm.id, "snapshot")
        assert (shown["visibility"], shown["owner"], shown["size"] > 0) == (
            "private", vm.project.id, True,
        )  # fmt: skip
        listed = (await user.get(f"{IMAGES}?run=7"))["images"]
        assert [one["id"] for one in listed] == [identity]
        assert vm.status == "ACTIVE"


async def test_older_microversion_names_the_new_image_in_a_header() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        headers = {"OpenStack-API-Version": "compute 2.44"}
        body = {"createImage": {"name": "of-mine"}}
        path = f"{SERVERS}/{vm.id}/action"
        response = await user.ask(path, method="POST", body=body, headers=headers)
        (identity,) = [one.id for one in cloud.world.images if one.name == "of-mine"]
        assert (response.status, await response.read()) == (202, b"")
        assert response.headers["Location"] == f"{cloud.url}/image/images/{identity}"


async def test_image_is_deleted_by_its_owner_alone() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud) as admin:
        vm = await vm_of(cloud, user)
        _, text = await act(user, vm, "createImage", {"name": "of-mine"})
        cloud.after(10)
        (own,) = [one.id for one in cloud.world.images if one.id in text]
        assert (await user.ask(f"{IMAGES}/{own}", method="DELETE")).status == 204
        gone = await user.ask(f"{IMAGES}/{own}", method="DELETE")
        assert (gone.status, f"No image found with ID {own}" in await gone.text()) == (404, True)
        public = next(one.id for one in cloud.world.images if one.name == "debian-13")
        refused = await user.ask(f"{IMAGES}/{public}", method="DELETE")
        assert refused.status == 403
        assert "You are not authorized to complete delete_image action." in await refused.text()
        assert (await admin.ask(f"{IMAGES}/{public}", method="DELETE")).status == 204
        cloud.after(600)  # the churn still has it
        assert_consistent(cloud.world)


async def test_unfinished_image_is_gone_with_its_server() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        _, text = await act(user, vm, "createImage", {"name": "of-mine"})
        await user.ask(f"{SERVERS}/{vm.id}", method="DELETE")
        cloud.after(10)
        assert not [one for one in cloud.world.images if one.id in text]


async def test_image_needs_a_name_and_a_server_without_a_task() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        status, text = await act(user, vm, "createImage", {"name": ""})
        assert (status, "at `$.name`" in text) == (400, True)
        await act(user, vm, "createImage", {"name": "one"})
        status, text = await act(user, vm, "createImage", {"name": "two"})
        assert (status, "in task_state image_snapshot_pending" in text) == (409, True)


# -- Console ---------------------------------------------------------------------------------------


async def console(user: Client, vm: VM) -> list[str]:
    status, text = await act(user, vm, "os-getConsoleOutput", {})
    assert status == 200, text
    output: str = json.loads(text)["output"]
    return output.split("\n")


async def test_console_shows_a_boot_up_to_the_login_prompt_and_anew_after_a_start() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        cloud.after(5)
        whole = await console(user, vm)
        assert whole[0].startswith("[    0.000000] Linux version")
        assert whole[-1] == "mine login: "
        await act(user, vm, "os-stop")
        cloud.after(5)
        await act(user, vm, "os-start")
        while vm.status != "ACTIVE":
            cloud.after(0.1)
        assert len(await console(user, vm)) < 4
        cloud.after(5)
        assert await console(user, vm) == whole


async def test_console_shows_the_fingerprint_of_the_host_key_that_it_shows() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        cloud.after(5)
        lines = await console(user, vm)
        (key,) = [line.split()[1] for line in lines if line.startswith("ssh-ed25519 ")]
        digest = base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
        assert f"<14>Jan  1 00:00:02 cloud-init: 256 SHA256:{digest} root@mine (ED25519)" in lines


async def test_server_that_does_not_run_yet_has_no_console() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await (await user.post(SERVERS, server_request(cloud))).json()
        vm = cloud.world.vms.get(made["server"]["id"])
        assert vm is not None
        assert await act(user, vm, "os-getConsoleOutput", {}) == (
            409,
            f'{{"conflictingRequest":{{"code":409,"message":"Instance {vm.id} is not ready"}}}}',
        )
        cloud.after(3)
        status, text = await act(user, vm, "os-getConsoleOutput", {})
        assert (status, "Guest does not have a console available." in text) == (404, True)
