"""Faults on demand: what is wrong on purpose, for whom, how often, and how nonsense is refused."""

import asyncio
import json
from collections.abc import Mapping

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from demo.client import NOVA, Client, client, server_request
from stratoscope.core.errors import ConfigError
from stratoscope.demo.faults import Faults
from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from support.demo_cloud import DemoCloud, demo_cloud

DETAIL = "/compute/v2.1/servers/detail?all_tenants=1"
JSON = {"Content-Type": "application/json"}
OF_SERVERS = {"service": "compute", "path": "/servers/detail"}


async def wrong(admin: Client, fault: object) -> None:
    response = await admin.post("/demo/faults", fault)
    assert response.status == 200, await response.text()


async def well(admin: Client) -> None:
    assert (await admin.ask("/demo/faults", method="DELETE")).status == 200


@pytest.mark.parametrize(
    ("fault", "name"), [(429, "overLimit"), ("500", "computeFault"), ("503", "serviceUnavailable")]
)
async def test_status_is_answered_in_the_services_own_words(fault: object, name: str) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": fault, "retry_after": 7, "text": "too much"})
        response = await admin.ask(DETAIL)
        assert response.status == int(str(fault))
        assert response.headers["Retry-After"] == "7"
        assert await response.json() == {name: {"code": int(str(fault)), "message": "too much"}}
        assert (await admin.ask("/compute/v2.1/flavors/detail")).status == 200
        await well(admin)
        assert (await admin.ask(DETAIL)).status == 200


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("identity", "/identity/v3/projects"),
        ("placement", "/placement/resource_providers"),
        ("network", "/network/v2.0/ports"),
        ("block-storage", "/volume/v3/volumes/detail"),
        ("image", "/image/v2/images"),
    ],
)
async def test_every_service_can_be_out_of_order(service: str, path: str) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {"service": service, "fault": "503"})
        assert (await admin.ask(path)).status == 503
        assert (await admin.ask(DETAIL)).status == 200


async def test_count_and_share_say_how_many_are_hit() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {"fault": "500", "count": 2})
        assert [(await admin.ask(DETAIL)).status for _ in range(4)] == [500, 500, 200, 200]
        await wrong(admin, {"fault": "500", "share": 0.5})
        statuses = [(await admin.ask("/compute/v2.1/")).status for _ in range(60)]
        assert 10 < statuses.count(500) < 50


async def test_fault_hits_the_method_that_it_is_for() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        await wrong(user, {"fault": "500", "service": "compute", "method": "POST"})
        assert (await user.ask("/compute/v2.1/servers")).status == 200
        assert (await user.post("/compute/v2.1/servers", server_request(cloud))).status == 500


async def test_latency_delays_the_answer() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": "latency", "seconds": 0.05})
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await admin.ask(DETAIL)).status == 200
        assert loop.time() - began >= 0.05


async def test_hanging_request_ends_when_its_client_gives_up_or_the_cloud_stops() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": "hang"})
        url = f"{cloud.url}{DETAIL}"
        headers = {"X-Auth-Token": admin.token}
        with pytest.raises(TimeoutError):
            await admin._session.get(url, headers=headers, timeout=ClientTimeout(total=0.05))
        waiting = asyncio.create_task(admin.ask(DETAIL))
        await asyncio.sleep(0.05)
    with pytest.raises((ClientError, RuntimeError, asyncio.CancelledError)):
        await waiting


async def test_hanging_for_a_while_ends_in_an_answer() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": "hang", "seconds": 0.02})
        assert (await admin.ask(DETAIL)).status == 200


async def test_connection_is_cut_in_the_middle_of_the_answer() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": "cut", "count": 1})
        with pytest.raises(ClientError):
            await admin.ask(DETAIL)
        assert (await admin.ask(DETAIL)).status == 200


async def test_answer_without_a_body_is_cut_off_too_and_the_request_is_carried_out() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        vm = next(vm for vm in cloud.world.vms if vm.vm_state == "active" and vm.task_state is None)
        await wrong(admin, {"fault": "cut", "method": "DELETE"})
        with pytest.raises(ClientError):
            await admin.ask(f"/compute/v2.1/servers/{vm.id}", method="DELETE")
        assert vm.task_state == "deleting"


async def test_garbage_is_no_json() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, [{**OF_SERVERS, "fault": "garbage"}])
        with pytest.raises(json.JSONDecodeError):
            await (await admin.ask(DETAIL)).json()
        await well(admin)
        await wrong(admin, {**OF_SERVERS, "fault": "garbage", "text": "{"})
        assert await (await admin.ask(DETAIL)).text() == "{"


async def test_expired_token_is_refused_and_a_new_one_is_not() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {**OF_SERVERS, "fault": "expire_token", "count": 1})
        assert [(await admin.ask(DETAIL)).status for _ in range(2)] == [401, 401]
        async with client(cloud) as anew:
            assert (await anew.ask(DETAIL)).status == 200


def test_token_expires_with_the_first_request_that_has_one() -> None:
    faults = Faults(lambda *_: lambda: None, list, BOOT_ERRORS)
    faults.add({"fault": "expire_token", "count": 1})
    hits = [len(faults.hit("compute", "/", "GET", has_token=has_token)) for has_token in (False, True, True)]
    assert hits == [0, 1, 0]


async def test_item_makes_no_sense_in_each_variant() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:

        async def first(variant: str) -> object:
            await wrong(admin, {**OF_SERVERS, "fault": "malformed_item", "variant": variant, "count": 1})
            body = await admin.get(DETAIL)
            assert len(body["servers"]) == cloud.world.live
            return body["servers"][0]

        assert "flavor" not in dict(await first("no_flavor"))  # type: ignore[call-overload]
        assert dict(await first("null_host"))["OS-EXT-SRV-ATTR:host"] is None  # type: ignore[call-overload]
        assert len(dict(await first("huge_name"))["name"]) == 10 << 20  # type: ignore[call-overload]
        assert "id" not in dict(await first("no_id"))  # type: ignore[call-overload]
        assert await first("no_object") == 17


async def test_single_thing_can_be_malformed_and_what_is_no_json_cannot() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        vm = next(iter(cloud.world.vms))
        await wrong(admin, {"fault": "malformed_item", "variant": "no_flavor"})
        shown = await admin.get(f"/compute/v2.1/servers/{vm.id}")
        assert "flavor" not in shown["server"]
        assert (await admin.ask("/identity/v3/nope")).status == 404


@pytest.mark.parametrize(
    ("service", "path", "key", "patience_s"),
    [
        ("compute", "/compute/v2.1/os-services", "services", 60),
        ("network", "/network/v2.0/agents", "agents", 75),
        ("block-storage", "/volume/v3/os-services", "services", 60),
    ],
)
async def test_daemon_falls_silent_and_is_down_once_nobody_believes_it_any_more(
    service: str, path: str, key: str, patience_s: int
) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        host = {"block-storage": "control1@ceph"}.get(service, "cn01")

        async def seen() -> list[tuple[bool, str]]:
            rows = (await admin.get(path, NOVA if service == "compute" else {}))[key]
            return [
                (
                    row.get("alive", row.get("state") == "up"),
                    row.get("heartbeat_timestamp", row.get("updated_at")),
                )
                for row in rows
                if row["host"] == host
            ]

        await wrong(admin, {"fault": "down", "service": service, "host": host})
        before = await seen()
        assert all(is_up for is_up, _ in before)
        cloud.after(patience_s)
        after = await seen()
        assert not any(is_up for is_up, _ in after)
        assert [heartbeat for _, heartbeat in after] == [heartbeat for _, heartbeat in before]
        await well(admin)
        assert all(is_up for is_up, _ in await seen())


async def test_host_whose_daemon_is_down_at_once_runs_no_more_boots() -> None:
    async with demo_cloud(hosts=1) as cloud, client(cloud, "user1") as user:
        await wrong(user, {"fault": "down", "service": "compute", "host": "cn01", "seconds": 0})
        await user.post("/compute/v2.1/servers", server_request(cloud))
        cloud.after(5)
        assert next(iter(cloud.world.vms)).status == "ERROR"


async def test_faults_are_shown_with_what_is_left_of_them_and_cleared() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, [{"fault": "500", "count": 3, "path": "/x"}, {"fault": "hang", "path": "/y"}])
        await admin.ask("/compute/v2.1/x")
        shown = await admin.get("/demo/faults")
        assert shown == [{"fault": "500", "path": "/x", "count": 2}, {"fault": "hang", "path": "/y"}]
        await well(admin)
        assert await admin.get("/demo/faults") == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (7, "expected a mapping"),
        ({}, "fault: "),
        ({"fault": "nope"}, "fault: "),
        ({"fault": "500", "nope": 1}, "nope: unknown key; allowed: "),
        ({"fault": "500", "service": "nope"}, "service: "),
        ({"fault": "500", "count": 0}, "count: "),
        ({"fault": "500", "share": 2}, "share: "),
        ({"fault": "500", "seconds": 2}, "seconds: means nothing for 500; allowed: fault, service, path"),
        ({"fault": "latency"}, "seconds: latency needs it"),
        ({"fault": "latency", "seconds": -1}, "seconds: "),
        ({"fault": "down", "service": "compute"}, "host: down needs it"),
        ({"fault": "misallocate", "host": "cn01"}, "what: misallocate needs it"),
        (
            {"fault": "misallocate", "what": "other_host", "host": "nope"},
            "host: unknown: nope; allowed: cn01, cn02",
        ),
        ({"fault": "down", "service": "compute", "host": "nope"}, "host: unknown: nope; allowed: cn01, cn02"),
        ({"fault": "malformed_item", "variant": "nope"}, "variant: "),
        ({"fault": "refuse_boot", "refusal": "nope"}, "refusal: unknown: nope; allowed: build_aborted, "),
        (
            [{"fault": "500"}, {"fault": "refuse_boot", "image": "nope"}],
            "faults[1].image: unknown: nope; allowed: centos-7, cirros, ",
        ),
        ({"fault": "500", "image": "cirros"}, "image: means nothing for 500; allowed: fault, service, path"),
        ([{"fault": "500"}, {"fault": "nope"}], "faults[1].fault: "),
    ],
)
async def test_fault_that_makes_no_sense_is_refused_with_the_key_and_what_is_allowed(
    fault: object, message: str
) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        response = await admin.post("/demo/faults", fault)
        assert response.status == 400
        text = await response.text()
        assert message in text
        assert text.count("\n") == 1
        assert cloud.cloud.faults.shown() == []


async def test_what_is_no_json_is_refused() -> None:
    async with (
        demo_cloud() as cloud,
        ClientSession() as session,
        session.post(f"{cloud.url}/demo/faults", data=b"{", headers=JSON) as response,
    ):
        assert response.status == 400
        assert (await response.text()).startswith("not JSON: ")


async def test_faults_of_a_list_are_all_in_force_or_none() -> None:
    async with demo_cloud() as cloud:
        faults = cloud.cloud.faults
        down = {"fault": "down", "service": "compute", "host": "cn01", "seconds": 0}
        with pytest.raises(ConfigError):
            faults.add([down, {**down, "host": "nope"}])
        faults.clear()
        assert faults.shown() == []
        assert daemon_is_up(cloud)


def daemon_is_up(cloud: DemoCloud) -> bool:
    host = next(iter(cloud.world.hosts.values()))
    return host.daemon.is_up(cloud.world.now)


def test_chance_is_the_same_each_time() -> None:
    def hits() -> list[int]:
        faults = Faults(lambda *_: lambda: None, list, BOOT_ERRORS)
        faults.add({"fault": "500", "share": 0.3})
        return [len(faults.hit("compute", "/servers", "GET", has_token=True)) for _ in range(50)]

    assert hits() == hits()
    assert 5 < sum(hits()) < 25


async def test_front_page_tells_where_to_go() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        text = await (await admin.ask("/")).text()
        assert f"{cloud.url}/identity/v3" in text
        assert f"{cloud.url}/demo/faults" in text


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:10980"},
        {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=["origin", "site", "host", "rebound"],
)
async def test_pages_of_other_sites_cannot_ask(method: str, headers: Mapping[str, str]) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        await wrong(admin, {"fault": "500", "path": "/x"})
        body = {"fault": "503"} if method == "POST" else None
        response = await admin.ask("/demo/faults", method=method, body=body, headers=headers)
        assert response.status == 403
        assert len(cloud.cloud.faults.shown()) == 1


@pytest.mark.parametrize("host", ["localhost:10980", "[::1]:10980", "192.0.2.7"])
async def test_clients_may_name_this_machine_or_an_address(host: str) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        assert (await admin.ask("/demo/faults", headers={"Host": host})).status == 200


async def test_fault_that_is_no_json_by_its_header_is_refused() -> None:
    async with demo_cloud() as cloud, ClientSession() as session:
        url, headers = f"{cloud.url}/demo/faults", {"Content-Type": "text/plain"}
        async with session.post(url, data=b'{"fault": "500"}', headers=headers) as response:
            assert (response.status, await response.text()) == (
                415,
                "expected Content-Type: application/json\n",
            )
        assert cloud.cloud.faults.shown() == []


def test_faults_are_a_thousand_at_most() -> None:
    faults = Faults(lambda *_: lambda: None, list, BOOT_ERRORS)
    faults.add([{"fault": "500"}] * 999)
    with pytest.raises(ConfigError, match="faults: too many in force; allowed: 1000; DELETE ends them"):
        faults.add([{"fault": "500"}] * 2)
    assert len(faults.shown()) == 999
    faults.add({"fault": "500"})
    with pytest.raises(ConfigError, match="too many in force"):
        faults.add({"fault": "500"})
    faults.clear()
    faults.add({"fault": "500"})
