"""A proxy of the environment that refuses, fails or is away: errors name it, and not its password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.errors import CollectError, LeftOutError, Reason
from support.fake_openstack import FakeOpenStack, config, entry, opened, running

SERVERS = Ask("compute", "servers", "/servers/detail")
NOBODY = "127.0.0.1:9"
"""Where nothing listens."""


@asynccontextmanager
async def proxy(status: int) -> AsyncIterator[str]:
    """Its host and port. It answers all, and CONNECT too, with the status."""

    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text="<html>no</html>", content_type="text/html")

    runner = web.ServerRunner(web.Server(refuse, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


def _through(monkeypatch: pytest.MonkeyPatch, at: str) -> str:
    """Let all requests but those to loopback go there, with a password; the words that name it."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:s%40cret@{at}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return f", through the proxy http://{at}"


async def _fails(client: Client, ask: Ask | None = None) -> CollectError | LeftOutError:
    with pytest.raises((CollectError, LeftOutError)) as caught:
        await (client.send(ask) if ask else client.access())
    assert "cret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_log_in_names_a_proxy_to_which_there_is_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    words = _through(monkeypatch, NOBODY)
    async with opened(config(tmp_path, f"{scheme}://keystone.invalid")) as client:
        failure = await _fails(client)
    assert str(failure) == f"identity: no connection to Keystone: Connection refused{words}"


@pytest.mark.parametrize("status", [403, 407, 502, 503])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_log_in_names_a_proxy_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, status: int
) -> None:
    async with proxy(status) as at, opened(config(tmp_path, f"{scheme}://keystone.invalid")) as client:
        words = _through(monkeypatch, at)
        failure = await _fails(client)
    assert words in str(failure)
    assert str(status) in str(failure)


@pytest.mark.parametrize("status", [407, 502, 504])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_service_behind_a_proxy_that_refuses_names_it(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, status: int
) -> None:
    cloud.entries = [entry("compute", f"{scheme}://nova.invalid/v2.1")]
    async with proxy(status) as at, opened(config(tmp_path, cloud.url)) as client:
        words = _through(monkeypatch, at)
        failure = await _fails(client, SERVERS)
    answered = {
        "http": f"compute: servers: answered {status}{words}",
        "https": f"https://nova.invalid/v2.1/servers/detail: the proxy answered {status}{words}",
    }
    assert str(failure) == answered[scheme]
    assert isinstance(failure, CollectError)
    assert failure.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_service_behind_a_proxy_that_is_away_names_it(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    cloud.entries = [entry("compute", f"{scheme}://nova.invalid/v2.1")]
    async with opened(config(tmp_path, cloud.url)) as client:
        words = _through(monkeypatch, NOBODY)
        failure = await _fails(client, SERVERS)
    assert str(failure) == f"{scheme}://nova.invalid/v2.1/servers/detail: Connection refused{words}"


async def test_what_a_service_itself_answers_through_a_proxy_does_not_name_it(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.entries = [entry("compute", "http://nova.invalid/v2.1")]
    async with proxy(404) as at, opened(config(tmp_path, cloud.url)) as client:
        _through(monkeypatch, at)
        assert str(await _fails(client, SERVERS)) == "compute: servers: answered 404"
