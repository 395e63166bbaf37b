"""A proxy of the environment that refuses, fails or is away: errors name it, and not its password."""

import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.errors import CollectError, LeftOutError, Reason
from support.fake_openstack import FakeOpenStack, config, entry, opened, running
from support.proxy_addresses import REFUSED

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
    assert str(failure) == f"{scheme}://nova.invalid: Connection refused{words}"


async def test_what_a_service_itself_answers_through_a_proxy_does_not_name_it(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.entries = [entry("compute", "http://nova.invalid/v2.1")]
    async with proxy(404) as at, opened(config(tmp_path, cloud.url)) as client:
        _through(monkeypatch, at)
        assert str(await _fails(client, SERVERS)) == "compute: servers: answered 404"


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
async def test_a_log_in_through_no_address_of_a_proxy_names_the_variable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    address: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(variable, address)
    scheme = "https" if variable == "HTTPS_PROXY" else "http"
    async with opened(config(tmp_path, f"{scheme}://keystone.invalid")) as client:
        failure = await _fails(client)
        spent = client.budget.stats.spent()
    assert str(failure).startswith(f"identity: {variable}: no address of an HTTP proxy; allowed: ")
    assert not spent.requests
    assert "log-in failed" in caplog.text
    assert "3cret" not in caplog.text


@pytest.mark.parametrize("address", REFUSED)
async def test_a_service_behind_no_address_of_a_proxy_names_the_variable(
    cloud: FakeOpenStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    address: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.entries = [entry("compute", "https://nova.invalid/v2.1"), entry("network", f"{cloud.url}/network")]
    monkeypatch.setenv("HTTPS_PROXY", address)
    async with opened(config(tmp_path, cloud.url)) as client:
        failure = await _fails(client, SERVERS)
        assert "3cret" not in f"{await client.places()}{client.budget.stats.spent()}"
    assert str(failure).startswith("compute: HTTPS_PROXY: no address of an HTTP proxy; allowed: ")
    assert "3cret" not in caplog.text


@pytest.mark.parametrize("start", ["", "http://"])
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_log_in_and_services_send_the_same_password_to_a_proxy(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, start: str
) -> None:
    cloud.says("/compute/v2.1/servers/detail", b"{}")
    monkeypatch.setenv(variable, f"{start}me:s%2F3@cret^@{cloud.url.removeprefix('http://')}")
    configured, cloud.url = config(tmp_path, "http://keystone.invalid"), "http://keystone.invalid"
    async with opened(configured) as client:
        assert await client.send(SERVERS) == b"{}"
    sent = {one["Proxy-Authorization"] for one in cloud.headers}
    assert sent == {f"Basic {b64encode(b'me:s/3@cret^').decode()}"}
    assert len(cloud.headers) > 1
