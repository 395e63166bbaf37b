"""The exporter as configured, on the embedded cloud."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.core.collector import Absent, Collections
from stratoscope.core.errors import LeftOut
from stratoscope.core.exposition import page
from stratoscope.core.metrics import Family
from stratoscope.core.runner import Runner, Status
from stratoscope.management.exporter import EXPORTER, SUBJECTS
from support.demo_cloud import DemoCloud, demo_cloud
from support.opened import opened_exporter
from support.pages import promtool_findings

EXTRAS = {
    "load_balancer", "baremetal", "dns", "shared_file_system", "orchestration", "container_infra",
    "key_manager",
}  # fmt: skip
OF_ADMINS = {
    "compute_services", "migrations", "hypervisors", "inventories", "allocations", "aggregates", "capacity",
    "network_agents", "volume_services", "volume_backends",
}  # fmt: skip


@pytest.fixture
async def cloud() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as running:
        yield running


@asynccontextmanager
async def opened(
    cloud: DemoCloud, folder: Path, os_cloud: str = "admin", **collectors: Any
) -> AsyncIterator[Collections]:
    entry = {
        "name": "demo",
        "kind": "openstack",
        "os_cloud": os_cloud,
        "clouds_file": str(cloud.clouds_yaml(folder)),
    }
    document = {"clouds": [entry], "management": {"collectors": collectors}}
    async with opened_exporter(EXPORTER, EXPORTER.parse(document, {})) as collections:
        yield collections


async def tried(collections: Collections) -> Sequence[Runner]:
    """Every collector, tried once."""
    runners = [Runner(collection) for collection in collections.running]
    for runner in runners:
        await runner.first()
    return runners


async def seen(
    cloud: DemoCloud, folder: Path, os_cloud: str, **collectors: Any
) -> tuple[dict[str, Status], str]:
    """How each collector fares with a credential, and the page."""
    async with opened(cloud, folder, os_cloud, **collectors) as collections:
        runners = await tried(collections)
        outcomes = [await runner.lines(5) for runner in runners]
    lines = [lines for lines, _ in outcomes if lines is not None]
    names = [runner.collector.name for runner in runners]
    statuses = dict(zip(names, (status for _, status in outcomes), strict=True))
    return statuses, b"".join(page(lines, openmetrics=False)).decode()


QUESTIONS = OpenStack.questions
OPTIONAL = {question.name for question in QUESTIONS if not question.is_on}
ALL_ON = {name: {"enabled": True} for name in OPTIONAL}
"""What is asked only where that is said."""


def left_out(statuses: dict[str, Status]) -> dict[str, LeftOut]:
    return {name: status.left_out for name, status in statuses.items() if status.left_out}


async def test_an_admin_sees_everything_that_the_cloud_has(cloud: DemoCloud, tmp_path: Path) -> None:
    statuses, text = await seen(cloud, tmp_path, "admin")
    assert left_out(statuses) == dict.fromkeys(EXTRAS, LeftOut.ABSENT)
    assert {name for name, status in statuses.items() if not status.success} == EXTRAS
    assert all(status.malformed == 0 and not status.dropped for status in statuses.values())
    assert promtool_findings(text) == ""
    assert text.count("\nstratoscope_management_vm_info{") == len(cloud.world.vms)


@pytest.mark.parametrize("os_cloud", ["reader", "user1", "credential"])
async def test_a_plain_credential_sees_its_project_and_leaves_out_the_rest(
    cloud: DemoCloud, tmp_path: Path, os_cloud: str
) -> None:
    statuses, text = await seen(cloud, tmp_path, os_cloud)
    expected = dict.fromkeys(EXTRAS, LeftOut.ABSENT) | dict.fromkeys(OF_ADMINS, LeftOut.UNAUTHORIZED)
    assert left_out(statuses) == expected
    assert {name for name, status in statuses.items() if not status.success} == set(expected)
    assert 'stratoscope_management_vms_whole{cloud="demo"} 0' in text
    assert text.count("\nstratoscope_management_quota_limit{") > 10
    public = [flavor for flavor in cloud.world.flavors.values() if flavor.is_public]
    assert text.count("\nstratoscope_management_flavor_info{") == len(public) > 0
    assert promtool_findings(text) == ""


async def test_lists_that_several_collectors_need_are_asked_for_once(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    await seen(cloud, tmp_path, "admin")
    asked = Counter[str]()
    for (service, _, path, _), number in cloud.cloud.request_counts.items():
        asked[f"{service} {path.removeprefix('/v2.1')}"] += number
    shared = ("compute /os-services", "compute /flavors/detail", "placement /allocation_candidates")
    assert {name: asked[name] for name in shared} == dict.fromkeys(shared, 1)


async def test_what_is_switched_off_is_not_asked_and_said(cloud: DemoCloud, tmp_path: Path) -> None:
    async with opened(cloud, tmp_path, servers={"enabled": False}) as collections:
        names = [collection.collector.name for collection in collections.running]
        assert "servers" not in names
        assert Absent("servers", LeftOut.NOT_CONFIGURED, "demo") in collections.left_out


async def test_what_is_off_by_default_is_not_asked(cloud: DemoCloud, tmp_path: Path) -> None:
    async with opened(cloud, tmp_path) as collections:
        assert not OPTIONAL & {collection.collector.name for collection in collections.running}
        assert {one.collector for one in collections.left_out} == OPTIONAL | {"events"}


async def test_an_admin_sees_each_object_where_that_is_switched_on(cloud: DemoCloud, tmp_path: Path) -> None:
    statuses, text = await seen(cloud, tmp_path, "admin", **ALL_ON)
    assert {name for name in OPTIONAL if not statuses[name].success} == set()
    assert all(status.malformed == 0 and not status.dropped for status in statuses.values())
    assert promtool_findings(text) == ""
    world = cloud.world
    lists = {
        "router": world.routers, "port": world.ports, "floating_ip": world.floating_ips,
        "network": world.networks, "subnet": world.subnets, "volume": world.volumes, "image": world.images,
        "project": world.projects, "router_agent": world.routers,
    }  # fmt: skip
    shown = {name: text.count(f"\nstratoscope_management_each_{name}_info{{") for name in lists}
    assert shown == {name: len(of_world) for name, of_world in lists.items()}
    assert 'objects{cloud="demo",service="identity",sort="keystone_domains",state="enabled"} 1\n' in text


async def test_a_plain_credential_sees_the_objects_of_its_project(cloud: DemoCloud, tmp_path: Path) -> None:
    statuses, text = await seen(cloud, tmp_path, "user1", **ALL_ON)
    of_admins = {"each_keystone_domain", "each_project", "identity", "router_agents"}
    assert OPTIONAL & left_out(statuses).keys() == of_admins
    assert {left_out(statuses)[name] for name in of_admins} == {LeftOut.UNAUTHORIZED}
    assert {name for name in OPTIONAL - of_admins if not statuses[name].success} == set()
    assert 'stratoscope_management_each_whole{cloud="demo",collector="each_router"} 0\n' in text
    assert text.count("\nstratoscope_management_each_router_info{") == 1


async def test_each_collector_has_the_families_of_what_answers_it(cloud: DemoCloud, tmp_path: Path) -> None:
    shown: set[Family] = set()
    async with opened(cloud, tmp_path, **ALL_ON) as collections:
        for collection in collections.running:
            shown |= set(collection.collector.families)
    answers = {question.answer for question in OpenStack.questions}
    assert {family for answer in answers for family in SUBJECTS[answer].families} <= shown


def test_each_class_of_answers_that_has_a_subject_answers_some_cloud() -> None:
    answers = {question.answer for kind in (OpenStack, OpenNebula) for question in kind.questions}
    assert answers == SUBJECTS.keys()
