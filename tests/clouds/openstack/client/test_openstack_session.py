"""Lists over real HTTP: pages, their end, what is malformed, tokens that expire on the way."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.core.errors import CollectError, Reason
from support.fake_openstack import FakeOpenStack, config, opened, pages, running
from support.source import until

PATH = "/compute/v2.1/servers/detail"


class Server(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(max_length=255)]


SERVERS = Listing("compute", "/servers/detail", "servers", Server)


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def client(cloud: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Client]:
    async with opened(config(tmp_path, cloud.url)) as client:
        yield client


@pytest.fixture
def api(client: Client) -> Api:
    return Session("uni", client)


async def _ids(api: Api) -> list[str]:
    items, _ = await api.items(SERVERS, {"limit": "2"})
    return [item.id for item in items]


async def _fails(api: Api) -> CollectError:
    with pytest.raises(CollectError) as caught:
        await api.items(SERVERS, {"limit": "2"})
    return caught.value


async def test_pages_are_followed_to_the_end_at_our_own_endpoint(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says(PATH, *pages("servers", "ab", "cd", "e"))
    assert await _ids(api) == ["a", "b", "c", "d", "e"]
    assert [one for one in cloud.asked if PATH in one] == [
        f"GET {PATH}?limit=2",
        f"GET {PATH}?limit=2&marker=m1",
        f"GET {PATH}?limit=2&marker=m2",
    ]


async def test_the_next_page_is_on_its_way_before_this_one_is_read(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says(PATH, *pages("servers", "ab", "cd"))
    async with aclosing(api.pages(SERVERS)) as listed:
        first = await anext(listed)
        assert [item.id for item in first.items] == ["a", "b"]
        await until(lambda: cloud.counted()[f"GET {PATH}"] == 2)
        assert [item.id for item in (await anext(listed)).items] == ["c", "d"]


async def test_who_reads_no_further_leaves_nothing_behind(
    cloud: FakeOpenStack, api: Api, client: Client
) -> None:
    first, *_ = pages("servers", "ab", "cd")
    cloud.says(PATH, first, 500)
    async with aclosing(api.pages(SERVERS)) as listed:
        async for _ in listed:
            break
    assert client.budget.stats.spent().in_flight == 0


async def test_a_token_that_expires_on_the_way_costs_one_repetition(cloud: FakeOpenStack, api: Api) -> None:
    first, second, third = pages("servers", "ab", "cd", "ef")

    async def expires(_: web.Request) -> web.StreamResponse:
        cloud.valid.clear()
        return web.json_response(second)

    cloud.says(PATH, first, expires, third)
    assert await _ids(api) == ["a", "b", "c", "d", "e", "f"]
    assert cloud.logins == 2


async def test_a_page_that_fails_fails_the_list(cloud: FakeOpenStack, api: Api) -> None:
    first, *_ = pages("servers", "ab", "cd")
    cloud.says(PATH, first, 500)
    assert (await _fails(api)).reason is Reason.UNAVAILABLE


async def test_what_a_link_to_the_next_page_lost_of_our_query_holds_on(
    cloud: FakeOpenStack, api: Api
) -> None:
    cloud.says(PATH, *pages("servers", "ab", "cd", "e"))
    asked = [("limit", "2"), ("all_tenants", "1"), ("fields", "id"), ("fields", "name")]
    items, _ = await api.items(SERVERS, asked)
    assert [item.id for item in items] == ["a", "b", "c", "d", "e"]
    rest = "all_tenants=1&fields=id&fields=name"
    assert [one for one in cloud.asked if PATH in one] == [
        f"GET {PATH}?limit=2&{rest}",
        f"GET {PATH}?{rest}&limit=2&marker=m1",
        f"GET {PATH}?{rest}&limit=2&marker=m2",
    ]


async def test_a_list_without_an_end_is_malformed(cloud: FakeOpenStack, api: Api) -> None:
    first, second, _ = pages("servers", "ab", "cd", "e")
    cloud.says(PATH, first, second, first, second)
    failure = await _fails(api)
    assert failure.reason is Reason.MALFORMED
    assert str(failure) == "compute: servers: the next page is one that was read"
    assert cloud.counted()[f"GET {PATH}"] <= 4


async def test_a_link_back_to_the_first_page_is_no_end_either(cloud: FakeOpenStack, api: Api) -> None:
    link = {"rel": "next", "href": f"{cloud.url}{PATH}?limit=2"}
    cloud.says(PATH, {"servers": [], "servers_links": [link]})
    assert (await _fails(api)).reason is Reason.MALFORMED
    assert cloud.counted()[f"GET {PATH}"] == 1


async def test_a_refresh_ends_at_its_bound(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.says(PATH, *pages("servers", *"abcdefgh"))
    limits = Limits(requests_per_second=1000, requests_per_refresh=3)
    async with opened(config(tmp_path, cloud.url, limits)) as client:
        with client.budget.refresh():
            failure = await _fails(Session("uni", client))
    assert failure.reason is Reason.BUSY
    assert cloud.counted()[f"GET {PATH}"] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"servers": 3}',
        b'{"servers": [',
        b'{"servers": [], "servers_links": 3}',
        b"\xff",
    ],
)
async def test_what_is_no_such_list_is_malformed(cloud: FakeOpenStack, api: Api, body: bytes) -> None:
    cloud.says(PATH, body)
    failure = await _fails(api)
    assert failure.reason is Reason.MALFORMED
    assert str(failure).startswith("compute: servers: ")


async def test_an_item_that_makes_no_sense_costs_itself(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says(PATH, {"servers": [{"id": "a"}, {"name": "no id"}, None, {"id": 3}, {"id": "b"}]})
    items, malformed = await api.items(SERVERS)
    assert ([item.id for item in items], malformed) == (["a", "b"], 3)


async def test_a_name_of_12_mb_costs_its_item(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says(PATH, {"servers": [{"id": "a"}, {"id": "x" * 12_000_000}]})
    items, malformed = await api.items(SERVERS)
    assert ([item.id for item in items], malformed) == (["a"], 1)


async def test_the_loop_turns_while_a_large_page_is_decoded_item_by_item(
    cloud: FakeOpenStack, api: Api
) -> None:
    turned, loop = threading.Event(), asyncio.get_running_loop()

    class Slow(Listing[Server]):
        def items(self, body: bytes) -> tuple[list[Server], int]:
            loop.call_soon_threadsafe(turned.set)
            assert turned.wait(5), "the loop stands still"
            return super().items(body)

    cloud.says(PATH, {"servers": [*({"id": f"{i}", "filler": "x" * 100} for i in range(10_000)), {"id": 3}]})
    items, malformed = await api.items(Slow("compute", "/servers/detail", "servers", Server))
    assert (len(items), malformed) == (10_000, 1)


async def test_what_is_nested_too_deep_is_malformed(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says("/compute/v2.1/limits", b'{"id": "a", "more":' + b"[" * 100_000)
    with pytest.raises(CollectError) as caught:
        await api.get("compute", "/limits", Server, operation="limits")
    assert caught.value.reason is Reason.MALFORMED


async def test_one_answer_is_decoded_by_type(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says("/compute/v2.1/limits", {"id": "a"}, {"id": 3})
    assert await api.get("compute", "/limits", Server, operation="limits", params={"a": "b"}) == Server("a")
    with pytest.raises(CollectError, match="compute: limits: Expected `str`") as caught:
        await api.get("compute", "/limits", Server, operation="limits")
    assert caught.value.reason is Reason.MALFORMED
    assert cloud.count("GET /compute/v2.1/limits?a=b") == 1


async def test_headers_of_a_list_are_sent(cloud: FakeOpenStack, api: Api) -> None:
    cloud.says("/network/v2/zones", {"zones": []})
    zones = Listing("network", "/v2/zones", "zones", Server, headers={"X-Auth-All-Projects": "true"})
    assert await api.items(zones) == ([], 0)
    assert cloud.headers[-1]["X-Auth-All-Projects"] == "true"


async def test_what_the_token_says(api: Api) -> None:
    access = await api.access()
    assert access.is_admin
    assert {"compute", "block-storage", "identity"} <= access.services


async def test_list_that_keystone_cuts_says_so_on_its_page(cloud: FakeOpenStack, api: Api) -> None:
    users = Listing("identity", "/v3/users", "users", Server)
    body = {"users": [{"id": "a"}], "links": {"next": None, "self": "x"}}
    cloud.says("/identity/v3/users", body | {"truncated": True}, body)
    assert [page.is_cut async for page in api.pages(users)] == [True]
    assert [page.is_cut async for page in api.pages(users)] == [False]


async def test_what_a_service_knows_and_is_too_old_for_is_told_by_its_versions(
    cloud: FakeOpenStack, api: Api
) -> None:
    cloud.says("/compute/v2.1/", {"version": {"id": "v2.1", "version": "2.42"}})
    assert await api.knows("compute", "2.42")
    assert not await api.knows("compute", "2.43")
    new = Listing("compute", "/servers/detail", "servers", Server, version="2.96", oldest="2.47")
    with pytest.raises(CollectError, match=r"compute: too old: microversion 2\.47 is needed"):
        await api.items(new)
    assert cloud.count(f"GET {PATH}") == 0
