"""What the exporter shows of answers that say too much, nothing, or nonsense; over HTTP."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from support.apart import Apart, apart
from support.pages import promtool_findings
from support.watching import HASTY, OFTEN, Seen, watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

OF_SERVERS: Final = {"service": "compute", "path": "/servers/detail"}
ONCE: Final = {"interval": "1h"}
"""What it shows stays as the first refresh left it."""
LISTS: Final = {
    "compute_services": ("compute", "/os-services"),
    "servers": ("compute", "/servers/detail"),
    "hypervisors": ("compute", "/os-hypervisors/detail"),
    "projects": ("identity", "/v3/projects"),
    "network_agents": ("network", "/v2.0/agents"),
    "ports": ("network", "/v2.0/ports"),
    "routers": ("network", "/v2.0/routers"),
    "floating_ips": ("network", "/v2.0/floatingips"),
    "networks": ("network", "/v2.0/networks"),
    "volume_services": ("block-storage", "/os-services"),
    "volume_backends": ("block-storage", "/scheduler-stats"),
    "volumes": ("block-storage", "/volumes/detail"),
    "images": ("image", "/v2/images"),
}
"""The list that each collector shows."""


@pytest.fixture
async def cloud() -> AsyncIterator[Apart]:
    async with apart() as running:
        yield running


async def test_a_list_that_cannot_be_had_leaves_the_last_one_until_it_is_too_old(
    cloud: Apart, tmp_path: Path
) -> None:
    broken = {
        "servers": ({"fault": "500", "text": "The server has either erred or"}, "unavailable"),
        "hypervisors": ({"fault": "cut"}, "unavailable"),
        "volumes": ({"fault": "garbage"}, "malformed"),
        "ports": ({"fault": "garbage", "text": '{"ports": [{"id": "'}, "malformed"),
        "routers": ({"fault": "garbage", "text": '{"routers": null}'}, "malformed"),
    }
    shown = {"hypervisors": "host_info", "servers": "vm_info"}
    others = ("compute_services", "networks", "volume_services")
    collectors = dict.fromkeys(broken, HASTY) | dict.fromkeys(others, OFTEN)
    async with watching(cloud.clouds_yaml(tmp_path), collectors) as exporter:
        for name, (fault, _) in broken.items():
            service, path = LISTS[name]
            cloud.demo.cloud.faults.add({**fault, "service": service, "path": path})

        def always(seen: Seen) -> None:
            for name in broken:
                seen.check_shown_while_young(name, shown.get(name, name))

        page = await exporter.until(
            lambda page: (
                not any(page.all(shown.get(name, name)) for name in broken)
                and all(page.errors(name, reason) for name, (_, reason) in broken.items())
            ),
            "old data vanish",
            always=always,
        )
        for name in broken:
            assert page.errors(name, "internal") == 0, name
        assert not page.all("vms"), "no invented zero"
        await exporter.refreshed(others, 1)
        cloud.demo.cloud.faults.clear()
        page = await exporter.recovered(broken)
        assert all(page.all(shown.get(name, name)) for name in broken)


@pytest.mark.parametrize(
    ("variant", "missing", "malformed"),
    [("no_flavor", 1, 1), ("null_host", 0, 0), ("huge_name", 0, 0), ("no_id", 1, 1), ("no_object", 1, 1)],
)
async def test_a_server_that_makes_no_sense_costs_itself_alone_or_a_field_that_it_can_do_without(
    cloud: Apart, tmp_path: Path, variant: str, missing: int, malformed: int
) -> None:
    cloud.demo.cloud.faults.add({**OF_SERVERS, "fault": "malformed_item", "variant": variant, "count": 1})
    async with watching(cloud.clouds_yaml(tmp_path), {"servers": ONCE}) as exporter:
        page = await exporter.page()
        assert page.success("servers") == 1
        assert page.malformed("servers") == malformed
        shown = {labels["vm_id"] for labels, _ in page.all("vm_info")}
        there = {vm.id for vm in cloud.demo.world.vms if vm.terminated is None}
        assert len(there - shown) == missing
        assert page.total("vms") == len(shown), "sums are of those that are shown"
        assert len(page.text) < 1_000_000
        assert promtool_findings(page.text) == ""


async def test_an_item_that_makes_no_sense_costs_itself_in_every_list(cloud: Apart, tmp_path: Path) -> None:
    cloud.demo.cloud.faults.add(
        [
            {"fault": "malformed_item", "variant": "no_object", "service": service, "path": path, "count": 1}
            for service, path in LISTS.values()
        ]
    )
    async with watching(cloud.clouds_yaml(tmp_path), dict.fromkeys(LISTS, ONCE)) as exporter:
        page = await exporter.page()
        assert page.by("stratoscope_collector_success", "collector") == dict.fromkeys(("requests", *LISTS), 1)
        assert {name: page.malformed(name) for name in LISTS} == dict.fromkeys(LISTS, 1)
        assert promtool_findings(page.text) == ""


def paged(limit: int) -> Any:
    """Pages of so many servers, the first of which repeats the last of the page before."""
    last: dict[str, Any] = {}

    def lie(request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        servers = body["servers"]
        if "changes-since" in request.query:
            return body
        if marker := request.query.get("marker"):
            servers = [last[marker], *servers]
        told = servers[:limit]
        last[told[-1]["id"]] = told[-1]
        if len(servers) <= limit:
            return {"servers": told}
        link = request.url.update_query(marker=told[-1]["id"])
        return {"servers": told, "servers_links": [{"rel": "next", "href": str(link)}]}

    return lie


async def test_a_server_that_stands_on_two_pages_is_one(cloud: Apart, tmp_path: Path) -> None:
    cloud.lies["/compute/v2.1/servers/detail"] = paged(10)
    async with watching(cloud.clouds_yaml(tmp_path), {"servers": ONCE}) as exporter:
        page = await exporter.page()
        assert page.requests(operation="servers") >= 4
        assert page.success("servers") == 1
        there = {vm.id for vm in cloud.demo.world.vms if vm.terminated is None}
        assert {labels["vm_id"] for labels, _ in page.all("vm_info")} == there
        assert page.total("vms") == len(there)
        assert promtool_findings(page.text) == ""


async def test_a_double_in_any_list_kills_nothing(cloud: Apart, tmp_path: Path) -> None:
    def doubled(_: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        return {key: [*value, value[0]] if _is_list(value) else value for key, value in body.items()}

    for path in ("/compute", "/volume", "/network", "/image", "/identity/v3/projects", "/placement"):
        cloud.lies[path] = doubled
    async with watching(cloud.clouds_yaml(tmp_path)) as exporter:
        page = await exporter.page()
        assert page.errors() == 0
        assert page.total("vms") == cloud.demo.world.live
        assert promtool_findings(page.text) == ""


def _is_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"itemNotFound": {"code": 404, "message": "no such project"}}),
        (400, {"badRequest": {"code": 400, "message": "Project ID is not a valid project."}}),
    ],
)
async def test_a_project_deleted_while_its_quotas_are_read_costs_the_others_nothing(
    cloud: Apart, tmp_path: Path, status: int, body: Mapping[str, Any]
) -> None:
    doomed, *others = [project.id for project in cloud.demo.world.projects]
    for path in ("/compute/v2.1/os-quota-sets", "/volume/v3/os-quota-sets", "/network/v2.0/quotas"):
        cloud.lies[f"{path}/{doomed}"] = lambda *_: web.json_response(body, status=status)
    quotas = ("compute_quotas", "network_quotas", "volume_quotas")
    async with watching(cloud.clouds_yaml(tmp_path), dict.fromkeys(quotas, ONCE)) as exporter:
        page = await exporter.page()
        assert [page.success(name) for name in quotas] == [1, 1, 1]
        owners = {labels["project_id"] for labels, _ in page.all("quota_used")}
        assert owners == set(others)
        if status == 404:
            assert [page.malformed(name) for name in quotas] == [0, 0, 0]
        assert promtool_findings(page.text) == ""
