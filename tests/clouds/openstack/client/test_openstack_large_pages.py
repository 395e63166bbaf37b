"""Pages larger than is read at once: asked for again with fewer items, down to one."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.core.errors import CollectError, Reason
from support.fake_openstack import FakeOpenStack, config, opened, running

PATH = "/compute/v2.1/servers/detail"
LARGEST = 1 << 16
"""Here, so that tests need no 16 MiB."""


class Server(msgspec.Struct):
    id: str


SERVERS = Listing("compute", "/servers/detail", "servers", Server)


class Nova:
    """Lists servers by marker and limit, as Nova does; each has user data."""

    def __init__(self, sizes: list[int], most: int = 1000) -> None:
        """Args: sizes: Of each server's data. most: Nova's own maximum for a page."""
        self.sizes, self.most = sizes, most
        self.limits: list[int | None] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        limit, marker = request.query.get("limit"), int(request.query.get("marker", -1))
        self.limits.append(None if limit is None else int(limit))
        end = min(marker + 1 + min(int(limit or self.most), self.most), len(self.sizes))
        ids = range(marker + 1, end)
        body = {"servers": [{"id": f"{number}", "user_data": "x" * self.sizes[number]} for number in ids]}
        if end < len(self.sizes) and limit:
            query = f"limit={limit}&marker={end - 1}"
            body["servers_links"] = [{"rel": "next", "href": f"http://nova.invalid/x?{query}"}]  # type: ignore[dict-item]
        return web.json_response(body)


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def api(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Session]:
    monkeypatch.setattr("stratoscope.clouds.openstack.client.services.LARGEST", LARGEST)  # 16 MiB take long
    monkeypatch.setattr("stratoscope.clouds.openstack.client.session._ROOMY", LARGEST // 4)  # a quarter of it
    async with opened(config(tmp_path, cloud.url, Limits(requests_per_second=1000))) as client:
        yield Session("uni", client)


async def _ids(api: Session, query: Query = WHOLE_PAGE) -> list[int]:
    items, malformed = await api.items(SERVERS, query)
    assert malformed == 0
    return [int(item.id) for item in items]


async def test_every_server_is_seen_however_large_they_are(cloud: FakeOpenStack, api: Session) -> None:
    nova = Nova([1100] * 300)
    cloud.says(PATH, nova)
    assert await _ids(api) == [*range(300)]
    assert nova.limits == [1000, 125, *[15] * 20]
    spent = api._client.budget.stats.spent()
    assert spent.requests["compute", "servers", "malformed"] == 2
    assert spent.requests["compute", "servers", "200"] == 20
    assert spent.retries == {("compute", "servers", "malformed"): 2}


async def test_the_next_list_begins_with_what_was_not_too_large(cloud: FakeOpenStack, api: Session) -> None:
    nova = Nova([1100] * 60)
    cloud.says(PATH, nova)
    await _ids(api)
    nova.limits.clear()
    assert await _ids(api) == [*range(60)]
    assert nova.limits == [15] * 4


async def test_after_small_pages_it_asks_for_more_again(cloud: FakeOpenStack, api: Session) -> None:
    nova = Nova([5000] * 20 + [1] * 9000)
    cloud.says(PATH, nova)
    assert await _ids(api) == [*range(9020)]
    assert nova.limits[:3] == [1000, 125, 15]
    assert max(limit or 0 for limit in nova.limits[3:]) == 512
    assert len(nova.limits) < 50


@pytest.mark.parametrize("size", [LARGEST // 2, LARGEST - 200])
async def test_down_to_a_single_server(cloud: FakeOpenStack, api: Session, size: int) -> None:
    nova = Nova([10, size, size, size, 10])
    cloud.says(PATH, nova)
    assert await _ids(api) == [0, 1, 2, 3, 4]
    assert 1 in nova.limits


async def test_one_server_that_is_too_large_alone_is_said(cloud: FakeOpenStack, api: Session) -> None:
    nova = Nova([10, LARGEST, 10])
    cloud.says(PATH, nova)
    for _ in range(2):
        with pytest.raises(CollectError, match="compute: servers: one item alone, or a list that") as caught:
            await _ids(api)
        assert caught.value.reason is Reason.MALFORMED
        assert "more than 65536 bytes" in str(caught.value)
    assert nova.limits.count(1000) == 2


async def test_each_try_is_one_of_the_requests_of_a_refresh(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.client.services.LARGEST", LARGEST)  # 16 MiB take long
    nova = Nova([1000] * 300)
    cloud.says(PATH, nova)
    limits = Limits(requests_per_second=1000, requests_per_refresh=5)
    async with opened(config(tmp_path, cloud.url, limits)) as client:
        with client.budget.refresh(), pytest.raises(CollectError, match="requests_per_refresh, 5"):
            await _ids(Session("uni", client))
    assert len(nova.limits) == 5


async def test_the_way_to_go_on_has_the_limit_that_was_wanted(cloud: FakeOpenStack, api: Session) -> None:
    """A list that goes on at the next refresh must not stay with few servers a page for ever."""
    cloud.says(PATH, Nova([1000] * 50))
    async for page in api.pages(SERVERS, {"all_tenants": "1", **WHOLE_PAGE}):
        if page.next_query is not None:
            assert dict(page.next_query)["limit"] == "1000"


async def test_a_list_without_a_limit_is_tried_with_one(cloud: FakeOpenStack, api: Session) -> None:
    nova = Nova([1000] * 100)
    cloud.says(PATH, nova)
    assert await _ids(api, {}) == [*range(100)]
    assert nova.limits[:3] == [None, 125, 15]


async def test_a_list_without_a_limit_goes_on_without_one(
    cloud: FakeOpenStack, api: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next link repeats the small limit that was asked for."""
    # Any page that can be read leaves room, so that the limit grows as soon as it may.
    monkeypatch.setattr("stratoscope.clouds.openstack.client.session._ROOMY", LARGEST)  # each page has room
    nova = Nova([*[9000] * 7, *[1] * 2400])
    cloud.says(PATH, nova)
    async for page in api.pages(SERVERS, {}):
        assert page.next_query is None or "limit" not in dict(page.next_query)
    assert nova.limits == [None, 125, 15, 30, 60, 120, 240, 480, 960, None]


@pytest.mark.parametrize("most", [100, 500])
async def test_a_list_that_a_gateway_finds_too_large_is_asked_for_in_smaller_pages(
    cloud: FakeOpenStack, api: Session, most: int
) -> None:
    nova = Nova([1] * 900)

    async def gateway(request: web.Request) -> web.StreamResponse:
        if int(request.query.get("limit", 1000)) > most:
            return web.Response(status=413, text="<html>too large</html>")
        return await nova(request)

    cloud.says(PATH, gateway)
    assert await _ids(api) == [*range(900)]
    spent = api._client.budget.stats.spent()
    assert spent.retries["compute", "servers", "413"] >= 1
    assert spent.requests["compute", "servers", "413"] == spent.retries["compute", "servers", "413"]


async def test_one_that_is_always_too_large_is_malformed(cloud: FakeOpenStack, api: Session) -> None:
    cloud.says(PATH, 413)
    with pytest.raises(CollectError, match=r"one item alone, .*: compute: servers: answered 413") as caught:
        await _ids(api)
    assert caught.value.reason is Reason.MALFORMED
    assert cloud.count(f"GET {PATH}") == 4


async def test_413_for_a_while_is_no_matter_of_size(cloud: FakeOpenStack, api: Session) -> None:
    cloud.says(PATH, web.Response(status=413, headers={"Retry-After": "20"}))
    with pytest.raises(CollectError, match="answered 413") as caught:
        await _ids(api)
    assert caught.value.reason is Reason.BUSY
    assert cloud.count(f"GET {PATH}") == 1


async def test_one_that_takes_no_limit_fails_as_before(cloud: FakeOpenStack, api: Session) -> None:
    asked = []

    async def whole(request: web.Request) -> web.StreamResponse:
        asked.append(request.query_string)
        return web.json_response({"servers": [{"id": "x" * LARGEST}]})

    cloud.says(PATH, whole)
    with pytest.raises(CollectError, match="a list that is not to be had page by page"):
        await _ids(api, {})
    assert asked == ["", "limit=125", "limit=15", "limit=1"]


async def test_a_single_answer_that_is_too_large_is_malformed(cloud: FakeOpenStack, api: Session) -> None:
    cloud.says("/compute/v2.1/limits", {"id": "x" * LARGEST})
    with pytest.raises(CollectError, match="a body of more than 65536 bytes") as caught:
        await api.get("compute", "/limits", Server, operation="limits")
    assert caught.value.reason is Reason.MALFORMED


async def test_pages_that_a_reader_turns_itself_are_smaller_too(cloud: FakeOpenStack, api: Session) -> None:
    """Manila's shares are read by offset, without the link to the next page."""
    asked = []

    async def manila(request: web.Request) -> web.StreamResponse:
        asked.append(request.query_string)
        offset, limit = int(request.query["offset"]), int(request.query.get("limit", 1000))
        return web.json_response(
            {"servers": [{"id": f"{n}", "x": "y" * 1000} for n in range(100)][offset : offset + limit]}
        )

    cloud.says(PATH, manila)
    seen: list[str] = []
    while True:
        page = await anext(api.pages(SERVERS, {"offset": str(len(seen))}))
        if not page.items:
            break
        seen += [item.id for item in page.items]
    assert len({*seen}) == len(seen) == 100
    assert asked[:4] == ["offset=0", "offset=0&limit=125", "offset=0&limit=15", "offset=15&limit=15"]
