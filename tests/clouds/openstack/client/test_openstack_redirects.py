"""Redirects: services' from http to https of the same host are followed, no other, and none of a log-in."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.client.request import Response
from stratoscope.clouds.openstack.client import http_errors
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.errors import CollectError, Reason
from support import certificates
from support.fake_openstack import PASSWORD, FakeOpenStack, config, entry, opened, running

PATH = "/compute/v2.1/servers/detail"
SERVERS = Ask("compute", "servers", "/servers/detail", {"limit": "2"})


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    certificates.write(tmp_path, certificates.Authority())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    return context


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        yield cloud


@pytest.fixture
async def secure(tls: ssl.SSLContext) -> AsyncIterator[FakeOpenStack]:
    async with running(tls) as secure:
        yield secure


@pytest.fixture
async def client(cloud: FakeOpenStack, secure: FakeOpenStack, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of `cloud`, whose tokens `secure` takes as well."""
    secure.valid = cloud.valid
    async with opened(config(tmp_path, cloud.url, cacert=str(tmp_path / "ca.crt"))) as client:
        yield client


def _moved(to: FakeOpenStack, status: int = 301) -> web.Response:
    return web.Response(status=status, headers={"Location": f"{to.url}{PATH}?limit=2"})


async def _fails(client: Client) -> str:
    with pytest.raises(CollectError) as caught:
        await client.send(SERVERS)
    assert caught.value.reason is Reason.UNAVAILABLE
    return str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_from_http_to_https_of_the_same_host_is_followed_and_counted(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client, status: int
) -> None:
    cloud.says(PATH, _moved(secure, status))
    secure.says(PATH, {"servers": []})
    assert await client.send(SERVERS) == b'{"servers": []}'
    assert secure.asked == [f"GET {PATH}?limit=2"]
    assert secure.headers[0]["X-Auth-Token"] == "token-1"
    requests = client.budget.stats.spent().requests
    assert requests["compute", "servers", str(status)] == requests["compute", "servers", "200"] == 1


async def test_each_is_a_request_of_the_refresh(
    cloud: FakeOpenStack, secure: FakeOpenStack, tmp_path: Path
) -> None:
    cloud.says(PATH, _moved(secure))
    secure.says(PATH, {"servers": []})
    limits = Limits(requests_per_second=1000, requests_per_refresh=3)
    async with opened(config(tmp_path, cloud.url, limits, cacert=str(tmp_path / "ca.crt"))) as client:
        secure.valid = cloud.valid
        with client.budget.refresh():
            await client.send(SERVERS)
            with pytest.raises(CollectError, match="more than requests_per_refresh, 3"):
                await client.send(SERVERS)
    assert (cloud.count(f"GET {PATH}"), secure.count("GET")) == (2, 1)


async def test_a_second_redirect_is_not_followed(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client
) -> None:
    cloud.says(PATH, _moved(secure))
    secure.says(PATH, _moved(secure))
    assert await _fails(client) == f"compute: servers: answered 301: a redirect to {secure.url}{PATH}?limit=2"
    assert secure.count("GET") == 1


@pytest.mark.parametrize(
    "where",
    [
        "https://elsewhere.invalid/v2.1",
        "http://127.0.0.1:1/v2.1",
        "/compute/v2.1/servers/detail/",
        "//127.0.0.1.evil.invalid/",
        "https://127.0.0.1@evil.invalid/",
        "https://[half",
        "nonsense\xe9",
        "",
    ],
)
@pytest.mark.parametrize("status", [302, 307])
async def test_any_other_is_unavailable_and_says_where_to(
    cloud: FakeOpenStack, client: Client, where: str, status: int
) -> None:
    cloud.says(PATH, web.Response(status=status, headers={"Location": where}))
    said = await _fails(client)
    assert said.startswith(f"compute: servers: answered {status}: a redirect to {where[:8]}")
    assert cloud.count(f"GET {PATH}") == 1


@pytest.mark.parametrize("status", [300, 303, 304, 305])
async def test_what_is_no_redirect_of_a_get_is_not_followed(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client, status: int
) -> None:
    cloud.says(PATH, _moved(secure, status))
    assert f"answered {status}" in await _fails(client)
    assert secure.asked == []


async def test_one_that_says_nothing_is_unavailable(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, web.Response(status=302))
    assert await _fails(client) == "compute: servers: answered 302"


async def test_an_endpoint_is_checked_where_requests_go(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client
) -> None:
    cloud.says("/compute/", web.Response(status=301, headers={"Location": f"{secure.url}/compute/"}))
    secure.says("/compute/", 500)
    await client.access()
    place = (await client.places())["compute"]
    status, seconds = await client.check("compute", place, "check", 10)
    assert status == 500
    assert seconds > 0
    assert [one.get("X-Auth-Token") for one in secure.headers] == [None]


def test_neither_user_nor_fragment_of_a_redirect_is_taken() -> None:
    answer = Response(301, b"", {"location": "https://a:b@nova/x?y=1#z"})
    assert http_errors.redirect_target(URL("http://nova:8774/x?y=1"), answer) == URL("https://nova/x?y=1")
    assert http_errors.redirect_target(URL("https://nova/x"), answer) is None


@pytest.mark.parametrize(
    "where",
    [
        PATH,
        f"{PATH}?limit=3",
        f"{PATH}?limit=2&all_tenants=0",
        f"{PATH}/?limit=2",
        "/?limit=2",
        "/login?next=/compute/v2.1/servers/detail&limit=2",
        "/login",
    ],
)
async def test_one_that_leads_to_another_path_or_query_is_unavailable_and_says_where_to(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client, where: str
) -> None:
    cloud.says(PATH, web.Response(status=302, headers={"Location": f"{secure.url}{where}"}))
    assert await _fails(client) == f"compute: servers: answered 302: a redirect to {secure.url}{where}"
    assert secure.asked == []


@pytest.mark.parametrize(("status", "is_followed"), [(301, False), (302, False), (307, True), (308, True)])
def test_redirect_that_browsers_follow_with_a_get_is_none_for_a_change(
    status: int, is_followed: bool
) -> None:
    url = URL("http://nova/servers")
    answer = Response(status, b"", {"location": "https://nova/servers"})
    assert http_errors.redirect_target(url, answer) == url.with_scheme("https")
    assert (http_errors.redirect_target(url, answer, "POST") is not None) == is_followed


@pytest.mark.parametrize("name", ["a b", "ü", "a/b", "1+1", "a&b=c", "%41"])
def test_however_it_is_quoted_the_query_must_stay(name: str) -> None:
    url = URL("http://nova/x").with_query(name=name, limit="2")
    there = str(url.with_scheme("https"))
    assert http_errors.redirect_target(url, Response(307, b"", {"location": there})) == URL(there)
    assert (
        http_errors.redirect_target(
            url, Response(307, b"", {"location": there.replace("limit=2", "limit=1")})
        )
        is None
    )


@pytest.mark.parametrize("status", [301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("path", ["/identity/v3/auth/tokens", "/identity"])
async def test_a_log_in_is_sent_on_nowhere(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client, status: int, path: str
) -> None:
    cloud.says(path, web.Response(status=status, headers={"Location": f"{secure.url}{path}"}))
    said = await _fails(client)
    assert said == (
        f"identity: log-in answered {status}, a redirect to {secure.url}{path}; no log-in is sent on: "
        "put that into auth_url"
    )
    assert secure.asked == []


async def test_a_password_goes_to_no_host_that_a_version_document_names(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client
) -> None:
    link = {"rel": "self", "href": f"{secure.url}/identity/v3/"}
    version = {"id": "v3.14", "status": "stable", "links": [link]}
    cloud.says("/identity", web.json_response({"versions": {"values": [version]}}, status=300))
    cloud.says(PATH, {"servers": []})
    await client.send(SERVERS)
    assert secure.asked == []
    assert PASSWORD not in str(secure.headers)


async def test_a_service_behind_the_redirect_keeps_its_entry(
    cloud: FakeOpenStack, secure: FakeOpenStack, client: Client
) -> None:
    """Version documents are asked for on the same way."""
    cloud.entries = [entry("compute", f"{cloud.url}/compute/v2.1")]
    document = {"version": {"id": "v2.1", "version": "2.90", "min_version": "2.1"}}
    cloud.says(
        "/compute/v2.1/", web.Response(status=308, headers={"Location": f"{secure.url}/compute/v2.1/"})
    )
    secure.says("/compute/v2.1/", document)
    cloud.says(PATH, _moved(secure))
    secure.says(PATH, {"servers": []})
    await client.send(Ask("compute", "servers", "/servers/detail", {"limit": "2"}, version="2.96"))
    assert secure.headers[-1]["X-OpenStack-Nova-API-Version"] == "2.90"
