"""The resource handle on an embedded OpenStack and a recorded OpenNebula, as core runs the exporter."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from stratoscope.core.runner import Runner
from stratoscope.management.exporter import EXPORTER
from support.asking import ask
from support.demo_cloud import demo_cloud
from support.opened import opened_parts
from support.opennebula import PLAIN
from support.replayed_oned import credentials, recorded, replayed
from support.services import FakeService, served
from support.watching import OFTEN, SOON_S, Watching, configuration, watching

ASKED = {"servers": OFTEN, "volumes": OFTEN, "floating_ips": OFTEN}


async def handle(exporter: Watching, kind: str, one: str) -> dict[str, Any]:
    async with ClientSession() as session:
        path = f"{exporter.url}/api/v1/clouds/demo/resources/{kind}/{one}"
        async with session.get(path) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found


async def becomes(exporter: Watching, kind: str, one: str, status: str) -> dict[str, Any]:
    async with asyncio.timeout(SOON_S):
        while (found := await handle(exporter, kind, one))["status"] != status:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.1)
    return found


async def test_vm_volume_and_address_that_are_deleted_are_gone(tmp_path: Path) -> None:
    async with demo_cloud() as cloud, watching(cloud.clouds_yaml(tmp_path), ASKED) as exporter:
        world = cloud.world
        vm = next(iter(world.vms))
        volume = next(one for one in world.volumes if one.vm is None)
        address = next(iter(world.floating_ips))
        gone: dict[tuple[str, str], Callable[[], None]] = {
            ("vms", vm.id): lambda: world.bury(vm),
            ("volumes", volume.id): lambda: world.remove_volume(volume),
            ("addresses", address.id): lambda: world.remove_floating_ip(address),
        }
        for (kind, one), remove in gone.items():
            before = await handle(exporter, kind, one)
            assert (before["status"], before["is_complete"]) == ("present", True)
            assert before["state"]
            remove()
            cloud.clock.goes_on(1)
            after = await becomes(exporter, kind, one, "gone")
            assert before["as_of"] <= after["since"] <= after["as_of"]
        assert (await handle(exporter, "vms", "f" * 32))["since"] is None


async def test_reload_that_changes_an_interval_keeps_since_when(tmp_path: Path) -> None:
    async with demo_cloud() as cloud, watching(cloud.clouds_yaml(tmp_path), ASKED) as exporter:
        vm = next(iter(cloud.world.vms))
        before = await handle(exporter, "vms", vm.id)
        chosen = ASKED | {"servers": {**OFTEN, "interval": "300ms"}}
        assert (await exporter.reload(configuration(tmp_path / "clouds.yaml", chosen)))[0] == 200
        assert (await handle(exporter, "vms", vm.id))["since"] == before["since"]
        del chosen["servers"]
        assert (await exporter.reload(configuration(tmp_path / "clouds.yaml", chosen)))[0] == 200
        answer = await ask(f"{exporter.url}/api/v1/clouds/demo/resources/vms/{vm.id}")
        assert answer.status == 409


async def test_plain_credential_knows_nothing_of_what_others_have(tmp_path: Path) -> None:
    async with demo_cloud() as cloud:
        file = cloud.clouds_yaml(tmp_path)
        text = configuration(file, ASKED).replace('"admin"', '"user1"')
        async with watching(file, ASKED) as exporter:
            assert (await exporter.reload(text))[0] == 200
            others = {vm.project.id for vm in cloud.world.vms}
            assert len(others) > 1
            found = [await handle(exporter, "vms", vm.id) for vm in cloud.world.vms]
    assert {one["status"] for one in found} == {"present", "unknown"}
    assert {one["is_complete"] for one in found} == {False}


async def of_opennebula(folder: Path, *paths: str, **answers: str) -> list[tuple[int, Any]]:
    """What the handle answers."""
    async with replayed(answers) as oned:
        entry = {
            "name": "one", "kind": "opennebula", "endpoint": oned.endpoint,
            "credentials_file": credentials(folder),
        }  # fmt: skip
        settings = EXPORTER.parse({"clouds": [entry]}, {})
        async with opened_parts(EXPORTER, settings) as (collections, values):
            runners = [Runner(one) for one in collections.running if one.collector.name in ("vms", "images")]
            for runner in runners:
                await runner.first()
            service = FakeService(runners=runners, routes=EXPORTER.routes, opened=values)
            async with served(service) as url:
                found = [await ask(f"{url}/api/v1/clouds/one/resources/{path}") for path in paths]
    return [(one.status, json.loads(one.text) if one.status == 200 else one.text) for one in found]


async def test_opennebula_has_numbers_and_its_images_are_volumes(tmp_path: Path) -> None:
    found = await of_opennebula(
        tmp_path, "vms/259", "vms/100000", "volumes/1", "volumes/77", "addresses/1", "vms/admin-4599-199"
    )
    statuses = [(answer["status"], answer["state"]) for status, answer in found[:4] if status == 200]
    assert statuses == [("present", "RUNNING"), ("gone", None), ("present", "READY"), ("gone", None)]
    assert found[4] == (404, "kind: there are no addresses of one; allowed: vms, volumes\n")
    assert found[5][0] == 400


async def test_opennebula_of_a_plain_user_knows_nothing_of_what_it_may_not_see(tmp_path: Path) -> None:
    answers = {**PLAIN, "vmpool.info": recorded("vmpool.info")}
    found = await of_opennebula(tmp_path, "vms/259", "vms/100000", **answers)
    assert [answer["status"] for _, answer in found] == ["present", "unknown"]
