"""Two credentials of one cloud over real HTTP: one budget, and all else for each its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.core.errors import CollectError, Reason
from support.fake_openstack import PASSWORD, FakeOpenStack, config, running
from support.pages import rendered
from support.wheel import Wheel

PATH = "/compute/v2.1/servers"


def _add_user(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["clouds"]["user"] = document["clouds"]["test"]
    file.write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenStack]:
    async with running() as server:
        server.says(PATH, {})
        yield server


@pytest.fixture
async def cloud(server: FakeOpenStack, tmp_path: Path) -> AsyncIterator[OpenStack]:
    """Opened with `test`; its clouds.yaml has `user`, too."""
    entry = config(tmp_path, server.url)
    _add_user(Path(entry.clouds_file))
    cloud = OpenStack(entry, Wheel().clock)
    yield cloud
    await cloud.close()


async def servers(session: Session) -> dict[str, Any]:
    return await session.get("compute", "/servers", dict[str, Any], operation="servers")


async def test_each_credential_has_one_session_and_a_token_of_its_own(
    server: FakeOpenStack, cloud: OpenStack
) -> None:
    assert cloud.session() is cloud.session("test")
    assert cloud.session("user") is cloud.session("user")
    for session in (cloud.session(), cloud.session("user"), cloud.session()):
        await servers(session)
    asked = [
        headers["X-Auth-Token"]
        for one, headers in zip(server.asked, server.headers, strict=True)
        if PATH in one
    ]
    assert asked == ["token-1", "token-2", "token-1"]
    assert server.logins == 2


async def test_requests_of_both_are_counted_once_in_the_same_metric(cloud: OpenStack) -> None:
    await servers(cloud.session())
    await servers(cloud.session("user"))
    collector = Requests("uni", cloud.budget)
    page = rendered(collector.samples(await collector.fetch()), collector.families)
    assert (
        'stratoscope_cloud_requests_total{cloud="uni",service="compute",operation="servers",code="200"} 2'
        in page
    )
    assert 'stratoscope_cloud_logins_total{cloud="uni",result="ok"} 2' in page
    assert page.count("\nstratoscope_cloud_token_expires_timestamp_seconds{") == 1


async def test_429_to_one_session_pauses_the_other(server: FakeOpenStack, cloud: OpenStack) -> None:
    await cloud.session("user").access()
    server.says(PATH, web.Response(status=429, headers={"Retry-After": "600"}))
    for session in (cloud.session(), cloud.session("user")):
        with pytest.raises(CollectError, match="compute: answered 429") as caught:
            await servers(session)
        assert caught.value.reason is Reason.BUSY
    assert server.count(f"GET {PATH}") == 1


async def test_refused_log_in_of_one_credential_does_not_stop_the_other(
    server: FakeOpenStack, cloud: OpenStack
) -> None:
    server.password = "another"  # noqa: S105
    for _ in range(2):  # the second time without asking
        with pytest.raises(CollectError) as caught:
            await cloud.session("user").access()
        assert caught.value.reason is Reason.UNAUTHORIZED
    assert server.logins == 1
    server.password = PASSWORD
    assert await servers(cloud.session()) == {}
    assert server.logins == 2
