"""Checks of endpoints: each by itself, whatever becomes of the others."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.model import LATENCY_BOUNDS, Endpoint
from stratoscope.clouds.openstack.client.endpoints import Endpoints
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError
from support.fake_openstack import FakeOpenStack, Reply, config, entry, hangs, opened, running

ROOTS = ("/identity/", "/compute/", "/placement/", "/network/", "/volume/", "/image/")
PAGE = web.Response(text="<html>It works!</html>", content_type="text/html")
KEYSTONES_401 = web.Response(status=401, headers={"WWW-Authenticate": 'Keystone uri="http://keystone:5000"'})
KNOWN = ["identity", "compute", "placement", "network", "block-storage", "image"]


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        for root in ROOTS[1:]:
            cloud.says(root, {"versions": []})
        yield cloud


@pytest.fixture
async def client(cloud: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Client]:
    async with opened(config(tmp_path, cloud.url)) as client:
        yield client


async def _read(endpoints: Endpoints) -> Mapping[str, Endpoint]:
    return {one.service: one for one in (await endpoints.read()).endpoints}


def _up(found: Mapping[str, Endpoint]) -> Mapping[str, bool | None]:
    return {service: one.is_up for service, one in found.items()}


async def test_each_service_is_asked_once_at_its_root_without_a_token(
    cloud: FakeOpenStack, client: Client
) -> None:
    found = await _read(Endpoints(client))
    assert list(found) == KNOWN
    assert all(_up(found).values())
    checks = [headers for one, headers in zip(cloud.asked, cloud.headers, strict=True) if one[4:] in ROOTS]
    assert len(checks) == 6
    assert not any("X-Auth-Token" in headers for headers in checks)
    spent = client.budget.stats.spent()
    assert spent.requests["identity", "check", "300"] == 1
    assert spent.requests["compute", "check", "200"] == 1


async def test_services_that_nothing_else_is_asked_of_are_checked_too_up_to_a_bound(
    cloud: FakeOpenStack, client: Client
) -> None:
    others = [f"kind-{number:02}" for number in range(40)]
    cloud.catalogue = {**cloud.catalogue, **{one: f"/{one}" for one in others}}
    found = await _read(Endpoints(client))
    assert list(found) == [*KNOWN, *others[:24]]


async def test_a_service_of_another_kind_is_up_when_it_answers(cloud: FakeOpenStack, client: Client) -> None:
    cloud.catalogue = {**cloud.catalogue, "rating": "/rating"}
    cloud.says("/rating/", {"versions": []})
    found = await _read(Endpoints(client))
    assert (list(found), found["rating"].is_up) == ([*KNOWN, "rating"], True)


@pytest.mark.parametrize(
    ("reply", "is_up"),
    [
        ({"versions": {"values": []}}, True),
        ({"id": "v1", "links": []}, True),
        (KEYSTONES_401, True),
        (429, True),
        (500, False),
        (502, False),
        (503, False),
        (401, False),
        (404, False),
        (PAGE, False),
        (web.Response(status=302, headers={"Location": "https://horizon.example.org/"}), False),
        ({"status": "success", "data": {"id": 1}}, False),
        (b"[]", False),
    ],
)
async def test_up_is_where_the_service_itself_answers_below_500(
    cloud: FakeOpenStack, client: Client, reply: Reply, *, is_up: bool
) -> None:
    cloud.says("/image/", reply)
    found = await _read(Endpoints(client))
    assert _up(found) == dict.fromkeys(KNOWN, True) | {"image": is_up}
    assert client.budget.paused() == {}  # a check makes no one else wait


@pytest.mark.parametrize("reply", [404, PAGE])
async def test_gateway_that_passes_on_one_version_alone_is_no_other_server(
    cloud: FakeOpenStack, client: Client, reply: Reply
) -> None:
    cloud.says("/compute/", reply)
    cloud.says("/identity/", reply)
    cloud.says(
        "/compute/v2.1/", {}
    )  # to those with a token; without one it refuses, as Keystone's middleware does
    assert _up(await _read(Endpoints(client))) == dict.fromkeys(KNOWN, True)


async def test_what_another_server_answers_is_no_latency(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says("/image/", PAGE)
    found = await _read(Endpoints(client))
    assert (found["image"].is_up, found["image"].counts[-1], found["network"].counts[-1]) == (False, 0, 1)


@pytest.mark.parametrize(("reply", "is_up"), [(PAGE, False), (412, True), (KEYSTONES_401, True)])
async def test_service_without_versions_is_up_unless_a_page_is_there(
    cloud: FakeOpenStack, client: Client, reply: Reply, *, is_up: bool
) -> None:
    cloud.catalogue = {**cloud.catalogue, "object-store": "/swift"}
    cloud.says("/swift/", reply)
    assert _up(await _read(Endpoints(client)))["object-store"] is is_up


async def test_one_that_hangs_and_one_that_is_cut_do_not_spoil_the_others(
    cloud: FakeOpenStack, client: Client
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    cloud.says("/compute/", hangs)
    cloud.says("/image/", cut)
    found = await _read(Endpoints(client, timeout_s=3))
    assert _up(found) == dict.fromkeys(KNOWN, True) | {"compute": False, "image": False}
    assert found["compute"].counts[-1] == 0
    assert client.budget.stats.spent().requests["compute", "check", "timeout"] == 1


async def test_one_that_hangs_does_not_cost_the_others_whatever_the_collectors_time_out_is(
    cloud: FakeOpenStack, client: Client
) -> None:
    await client.access()
    cloud.says("/compute/", hangs)
    DEADLINE.set(time.monotonic() + 2)
    found = await _read(Endpoints(client, timeout_s=60))
    assert _up(found) == dict.fromkeys(KNOWN, True) | {"compute": False}


async def test_latencies_add_up_over_checks(client: Client) -> None:
    endpoints = Endpoints(client)
    await _read(endpoints)
    found = (await _read(endpoints))["network"]
    assert len(found.counts) == len(LATENCY_BOUNDS) + 1
    assert found.counts[-1] == 2
    assert list(found.counts) == sorted(found.counts)
    assert 0 < found.seconds < 60


async def test_while_keystone_is_away_the_known_ones_are_still_checked(
    cloud: FakeOpenStack, client: Client
) -> None:
    endpoints = Endpoints(client)
    await _read(endpoints)
    cloud.says("/identity/", 500)
    cloud.says("/identity/v3/auth/tokens", 500)
    cloud.valid.clear()
    with pytest.raises(CollectError):
        await client.send(Ask("network", "ports", "/network/v2.0/ports"))
    assert _up(await _read(endpoints)) == dict.fromkeys(KNOWN, True) | {"identity": False}


async def test_before_any_log_in_keystone_alone_is_known(cloud: FakeOpenStack, tmp_path: Path) -> None:
    configured = config(tmp_path, cloud.url)
    cloud.password = "another"  # noqa: S105
    async with opened(configured) as client:
        assert _up(await _read(Endpoints(client))) == {"identity": True}
        assert _up(await _read(Endpoints(client))) == {"identity": True}
    assert cloud.logins == 1


async def test_no_keystone_at_all_is_one_endpoint_that_is_down(tmp_path: Path) -> None:
    async with running() as cloud:
        url = cloud.url
    async with opened(config(tmp_path, url)) as client:
        assert _up(await _read(Endpoints(client))) == {"identity": False}


async def test_a_paused_service_is_not_asked_and_is_down_if_it_says_so(
    cloud: FakeOpenStack, client: Client
) -> None:
    endpoints = Endpoints(client)
    await _read(endpoints)
    client.budget.refused("compute", 429, "600")
    client.budget.refused("image", 503, "600")
    before = cloud.count("GET /compute/") + cloud.count("GET /image/")
    found = await _read(endpoints)
    assert (found["compute"].is_up, found["image"].is_up) == (None, False)
    assert found["compute"].counts[-1] == 1
    assert cloud.count("GET /compute/") + cloud.count("GET /image/") == before


async def test_a_verdict_does_not_outlive_the_checks(cloud: FakeOpenStack, tmp_path: Path) -> None:
    slow = Limits(requests_per_second=0.5)
    async with (
        opened(config(tmp_path, cloud.url)) as client,
        opened(config(tmp_path, cloud.url, slow)) as late,
    ):
        assert all(_up(await _read(Endpoints(client))).values())
        endpoints = Endpoints(late, timeout_s=0.2)
        await late.access()
        assert set(_up(await _read(endpoints)).values()) <= {True, None}
        assert _up(await _read(endpoints)) == dict.fromkeys(KNOWN)  # no turn within 0.2 s


async def test_a_hung_service_is_seen_though_its_share_is_taken(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.says("/compute/", hangs)
    cloud.says("/compute/v2.1/servers/detail", hangs)
    async with opened(config(tmp_path, cloud.url, Limits(requests_per_second=1000, concurrency=4))) as client:
        await client.access()
        ask = Ask("compute", "servers", "/servers/detail")
        hanging = [asyncio.create_task(client.send(ask)) for _ in range(6)]
        found = await _read(Endpoints(client, timeout_s=3))
        assert _up(found) == dict.fromkeys(KNOWN, True) | {"compute": False}
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)


async def test_it_needs_no_right_and_one_request_for_each_service(client: Client) -> None:
    (question,) = Endpoints.questions()
    assert (question.name, question.role) == ("endpoints", "any")
    assert question.every.timeout_s <= question.every.interval_s
    DEADLINE.set(asyncio.get_running_loop().time() + 5)
    assert len((await Endpoints(client).read()).endpoints) == 6


@pytest.mark.parametrize(
    ("scope", "words"),
    [({"system": {"all": True}}, "the system"), ({"domain": {"id": "uni", "name": "Uni"}}, "the domain uni")],
)
async def test_service_whose_url_wants_a_project_is_left_out_for_a_token_without_one(
    cloud: FakeOpenStack, client: Client, scope: Mapping[str, object], words: str
) -> None:
    cloud.scope = scope
    cloud.entries = [entry(name, f"{cloud.url}{path}") for name, path in cloud.catalogue.items()]
    cloud.entries = [one | ({"endpoints": []} if one["type"] == "volumev3" else {}) for one in cloud.entries]
    assert list(await _read(Endpoints(client))) == [one for one in KNOWN if one != "block-storage"]
    with pytest.raises(LeftOutError) as caught:
        await client.send(Ask("block-storage", "volumes", "/volumes/detail"))
    assert caught.value.reason is LeftOut.UNAUTHORIZED
    assert str(caught.value) == (
        f"block-storage: its URL holds the id of the token's project, and this token is for {words}"
    )
