"""Volumes of users: created, attached, booted from, deleted, in Cinder's states and words."""

from typing import Any

import pytest

from demo.client import Client, client, server_request
from demo.worlds import assert_consistent
from stratoscope.demo.world.models import Project
from support.demo_cloud import DemoCloud, demo_cloud

VOLUMES = "/volume/v3/volumes"
SERVERS = "/compute/v2.1/servers"
NOBODYS = "00000000-0000-4000-a000-000000000000"


async def create(user: Client, **more: object) -> dict[str, Any]:
    """A volume of 1 GiB, just accepted."""
    response = await user.post(VOLUMES, {"volume": {"size": 1, **more}})
    assert response.status == 202, await response.text()
    volume: dict[str, Any] = (await response.json())["volume"]
    return volume


async def volume(user: Client, identity: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await user.get(f"{VOLUMES}/{identity}"))["volume"]
    return shown


async def boot(cloud: DemoCloud, user: Client, **more: object) -> str:
    """The id of a server that runs."""
    response = await user.post(SERVERS, server_request(cloud, **more))
    assert response.status == 202, await response.text()
    cloud.after(15)
    identity: str = (await response.json())["server"]["id"]
    return identity


async def states(cloud: DemoCloud, user: Client, identity: str) -> list[str]:
    """The states of a volume for the next five seconds."""
    found: list[str] = []
    for _ in range(50):
        state = (await volume(user, identity))["status"]
        found += [state] if found[-1:] != [state] else []
        cloud.after(0.1)
    return found


def astronomy(cloud: DemoCloud) -> Project:
    return next(project for project in cloud.world.projects if project.name == "astronomy")


def image_id(cloud: DemoCloud, name: str) -> str:
    return next(image.id for image in cloud.world.images if image.name == name)


async def test_empty_volume_becomes_available_and_keeps_its_metadata() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        made = await create(user, name="mine", metadata={"run": "7"})
        assert (made["status"], made["bootable"]) == ("creating", "false")
        assert await states(cloud, user, made["id"]) == ["creating", "available"]
        listed = (await user.get(f"{VOLUMES}/detail"))["volumes"]
        (own,) = [one for one in listed if one["metadata"] == {"run": "7"}]
        assert (own["id"], own["name"]) == (made["id"], "mine")
        assert (own["bootable"], own["volume_type"], own["size"]) == ("false", "__DEFAULT__", 1)
        assert_consistent(cloud.world)


async def test_volume_of_an_image_is_bootable_once_the_image_is_copied() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        image = image_id(cloud, "cirros")
        made = await create(user, imageRef=image, volume_type="ssd")
        assert await states(cloud, user, made["id"]) == ["creating", "downloading", "available"]
        shown = await volume(user, made["id"])
        assert (shown["bootable"], shown["volume_type"]) == ("true", "ssd")


async def test_volume_is_attached_to_a_server_and_freed_when_that_is_deleted() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        server = await boot(cloud, user)
        kept = (await create(user))["id"]
        cloud.after(2)
        path = f"{SERVERS}/{server}/os-volume_attachments"
        response = await user.post(path, {"volumeAttachment": {"volumeId": kept}})
        assert response.status == 200
        attachment = (await response.json())["volumeAttachment"]
        assert attachment == {"id": kept, "serverId": server, "volumeId": kept}
        assert (await volume(user, kept))["attachments"] == []
        assert await states(cloud, user, kept) == ["reserved", "attaching", "in-use"]
        (attached,) = (await volume(user, kept))["attachments"]
        assert (attached["server_id"], attached["device"]) == (server, "/dev/vdb")
        await user.ask(f"{SERVERS}/{server}", method="DELETE")
        cloud.after(5)
        shown = await volume(user, kept)
        assert (shown["status"], shown["attachments"]) == ("available", [])
        assert_consistent(cloud.world)


async def test_volume_that_is_freed_while_it_is_attached_stays_free() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        server = await boot(cloud, user)
        identity = (await create(user))["id"]
        cloud.after(2)
        found = cloud.world.volumes.get(identity)
        assert found is not None
        for seconds, state in ((0.2, "reserved"), (1.0, "attaching")):
            body = {"volumeAttachment": {"volumeId": identity}}
            await user.post(f"{SERVERS}/{server}/os-volume_attachments", body)
            cloud.after(seconds)
            assert found.status == state
            cloud.world.detach(found)
            cloud.after(5)
            assert (await volume(user, identity))["status"] == "available"
            assert_consistent(cloud.world)


async def test_volume_is_not_attached_to_a_server_that_is_built_or_deleted() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        identity = (await create(user))["id"]
        made = await (await user.post(SERVERS, server_request(cloud))).json()
        path = f"{SERVERS}/{made['server']['id']}"
        for text in ("while it is in task_state scheduling", "while it is in task_state deleting"):
            body = {"volumeAttachment": {"volumeId": identity}}
            refused = await user.post(f"{path}/os-volume_attachments", body)
            assert (refused.status, text in await refused.text()) == (409, True)
            cloud.after(15)
            await user.ask(path, method="DELETE")


async def test_server_that_is_deleted_before_it_has_a_host_frees_its_volume() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        identity = (await create(user, imageRef=image_id(cloud, "cirros")))["id"]
        cloud.after(5)
        mapping = {"boot_index": 0, "uuid": identity, "source_type": "volume"}
        body = server_request(cloud, imageRef="", block_device_mapping_v2=[mapping])
        made = await (await user.post(SERVERS, body)).json()
        assert (await volume(user, identity))["status"] == "reserved"
        await user.ask(f"{SERVERS}/{made['server']['id']}", method="DELETE")
        assert (await volume(user, identity))["status"] == "available"
        assert_consistent(cloud.world)


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_server_boots_from_a_volume_which_ends_with_it_if_so_requested(is_deleted: bool) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        identity = (await create(user, imageRef=image_id(cloud, "cirros")))["id"]
        cloud.after(5)
        mapping = {
            "boot_index": 0,
            "uuid": identity,
            "source_type": "volume",
            "destination_type": "volume",
            "delete_on_termination": is_deleted,
        }
        server = await boot(cloud, user, imageRef="", block_device_mapping_v2=[mapping])
        shown = (await user.get(f"{SERVERS}/{server}"))["server"]
        assert (shown["status"], shown["image"]) == ("ACTIVE", "")
        assert shown["os-extended-volumes:volumes_attached"] == [{"id": identity}]
        (attached,) = (await volume(user, identity))["attachments"]
        assert attached["device"] == "/dev/vda"
        assert (await user.ask(f"{VOLUMES}/{identity}", method="DELETE")).status == 400
        await user.ask(f"{SERVERS}/{server}", method="DELETE")
        cloud.after(5)
        response = await user.ask(f"{VOLUMES}/{identity}")
        assert response.status == (404 if is_deleted else 200)
        assert_consistent(cloud.world)


async def test_server_does_not_boot_from_a_volume_that_is_empty_used_or_unknown() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        identity = (await create(user))["id"]
        for uuid, text in (
            (NOBODYS, f"Block Device Mapping is Invalid: failed to get volume {NOBODYS}."),
            (identity, "downloading to reserve, but the current status is creating."),
            (identity, f"Block Device {identity} is not bootable."),
        ):
            mapping = {"boot_index": 0, "uuid": uuid, "source_type": "volume"}
            body = server_request(cloud, imageRef="", block_device_mapping_v2=[mapping])
            response = await user.post(SERVERS, body)
            assert response.status == 400
            assert text in (await response.json())["badRequest"]["message"]
            if "creating" in text:
                cloud.after(2)
        assert (await volume(user, identity))["status"] == "available"


async def test_volume_in_use_is_neither_deleted_nor_attached_again() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        server = await boot(cloud, user)
        identity = (await create(user))["id"]
        refused = await user.ask(f"{VOLUMES}/{identity}", method="DELETE")
        assert refused.status == 400  # it is being created
        cloud.after(2)
        path = f"{SERVERS}/{server}/os-volume_attachments"
        await user.post(path, {"volumeAttachment": {"volumeId": identity}})
        cloud.after(5)
        refused = await user.ask(f"{VOLUMES}/{identity}", method="DELETE")
        assert refused.status == 400
        message = (await refused.json())["badRequest"]["message"]
        assert message.startswith("Invalid volume: Volume status must be available or error or")
        refused = await user.post(path, {"volumeAttachment": {"volumeId": identity}})
        assert refused.status == 400
        assert "but the current status is in-use" in await refused.text()
        assert (await user.post(path, None)).status == 400
        refused = await user.post(path, {})
        assert (refused.status, "`volumeAttachment`" in await refused.text()) == (400, True)
        refused = await user.post(path, {"volumeAttachment": {"volumeId": NOBODYS}})
        assert (refused.status, NOBODYS in await refused.text()) == (404, True)


async def test_free_volume_is_deleting_then_gone() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud) as admin:
        identity = (await create(user))["id"]
        cloud.after(2)
        before = astronomy(cloud).used["volumes"]
        assert (await user.ask(f"{VOLUMES}/{identity}", method="DELETE")).status == 202
        assert (await volume(user, identity))["status"] == "deleting"
        cloud.after(2)
        assert (await user.ask(f"{VOLUMES}/{identity}")).status == 404
        assert astronomy(cloud).used["volumes"] == before - 1
        others = (await create(admin))["id"]
        cloud.after(2)
        gone = await user.ask(f"{VOLUMES}/{others}", method="DELETE")
        assert (gone.status, others in await gone.text()) == (404, True)
        assert_consistent(cloud.world)


async def test_quota_of_volumes_binds_in_cinders_words() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        project = astronomy(cloud)
        used = project.used["volumes"], project.used["gigabytes"]
        project.limits |= {"volumes": used[0], "gigabytes": -1}
        refused = await user.post(VOLUMES, {"volume": {"size": 1}})
        text = f"Maximum number of volumes allowed ({used[0]}) exceeded for quota 'volumes'."
        assert (refused.status, refused.headers["Retry-After"]) == (413, "0")
        assert (await refused.json())["overLimit"] == {"code": 413, "message": text}
        project.limits |= {"volumes": -1, "gigabytes": used[1] + 2}
        refused = await user.post(VOLUMES, {"volume": {"size": 3}})
        assert (await refused.json())["overLimit"]["message"] == (
            f"Requested volume or snapshot exceeds allowed gigabytes quota. Requested 3G, quota is "
            f"{used[1] + 2}G and {used[1]}G has been consumed."
        )
        assert (await create(user, size=2))["size"] == 2


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"size": 0}, 400, "Expected `int` >= 1 - at `$.volume.size`"),
        ({"name": "no size"}, 400, "missing required field `size`"),
        ({"size": 1, "volume_type": "gold"}, 404, "Volume type with name gold could not be found."),
        ({"size": 1, "imageRef": NOBODYS}, 400, "Invalid image identifier or unable to access requested"),
        (
            {"size": 1, "imageRef": "rocky-9"},
            400,
            "Size of specified image 2GB is larger than volume size 1GB.",
        ),
        ({"size": 9, "imageRef": "windows-2022"}, 400, "smaller than the image minDisk size 40GB."),
    ],
)
async def test_volume_request_is_checked(fields: dict[str, object], status: int, text: str) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        names = {image.name: image.id for image in cloud.world.images}
        if "imageRef" in fields:
            fields = {**fields, "imageRef": names.get(str(fields["imageRef"]), fields["imageRef"])}
        response = await user.post(VOLUMES, {"volume": fields})
        assert response.status == status
        assert text in await response.text()


async def test_volume_is_not_created_without_a_body_or_the_right() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud, "reader") as reader:
        refused = await user.post(VOLUMES, {})
        assert (refused.status, "missing required field `volume`" in await refused.text()) == (400, True)
        assert (await user.post(VOLUMES, None)).status == 400
        refused = await reader.post(VOLUMES, {"volume": {"size": 1}})
        assert refused.status == 403
        assert "Policy doesn't allow volume:create to be performed." in await refused.text()


async def test_reader_sees_a_volume_of_the_project_and_may_not_delete_it() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin, client(cloud, "reader") as reader:
        identity = (await create(admin))["id"]
        cloud.after(2)
        assert (await volume(reader, identity))["status"] == "available"
        refused = await reader.ask(f"{VOLUMES}/{identity}", method="DELETE")
        assert refused.status == 403
        assert "Policy doesn't allow volume:delete to be performed." in await refused.text()


async def test_volume_types_are_listed() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        types = (await user.get("/volume/v3/types"))["volume_types"]
        assert [one["name"] for one in types] == ["__DEFAULT__", "ssd"]
        assert "qos_specs_id" not in types[0]
