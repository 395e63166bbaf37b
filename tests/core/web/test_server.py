"""The pages over HTTP, and where they are served."""

import asyncio
import logging
import socket
from pathlib import Path

import bcrypt
import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.auth import Access
from stratoscope.core.web.cross_site import is_cross_site
from stratoscope.core.web.listen import Address
from stratoscope.core.web.server import application, serve
from support import certificates
from support.html_page import parsed
from support.patience import FAR_S
from support.services import Domains, FakeService, Hanging, served, service

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
USERS = f"basic_auth_users: {{alice: {bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}}}\n"
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
CLIENT = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt}"


async def answer(shown: FakeService, path: str, method: str = "GET") -> tuple[int, str]:
    async with (
        served(shown) as url,
        ClientSession() as session,
        session.request(method, url + path) as response,
    ):
        return response.status, await response.text()


def access(folder: Path, text: str) -> Access:
    certificates.write(folder, certificates.Authority())
    (folder / "web.yml").write_text(text)
    return Access.open(str(folder / "web.yml"))


async def test_landing_page_is_html_that_loads_nothing_from_elsewhere() -> None:
    shown = FakeService(warnings=["the <disk> is full"])
    async with served(shown) as url, ClientSession() as session, session.get(url) as response:
        assert response.content_type == "text/html"
        assert response.headers["Content-Security-Policy"] == POLICY
        assert "the &lt;disk&gt; is full" in await response.text()


async def test_healthy_is_said_whatever_else_is() -> None:
    assert await answer(FakeService(ready=False), "/-/healthy") == (200, "healthy\n")


async def test_ready_is_said_once_it_is() -> None:
    assert await answer(FakeService(ready=True), "/-/ready") == (200, "ready\n")
    assert (await answer(FakeService(ready=False), "/-/ready"))[0] == 503


async def test_configuration_is_shown_as_the_service_shows_it() -> None:
    assert await answer(FakeService(), "/config") == (200, "clouds: []\n")


async def test_reload_says_whether_it_was_taken_over() -> None:
    assert await answer(FakeService(), "/-/reload", "POST") == (200, "reloaded\n")
    status, text = await answer(FakeService(reload_error="hypervisor.x: unknown key"), "/-/reload", "POST")
    assert status == 500
    assert "hypervisor.x: unknown key" in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"}, 200),
        ({"Host": "exporter:10971", "Origin": "http://exporter:10971"}, 200),
        ({"Host": "exporter", "Origin": "HTTPS://Exporter"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Host": "exporter:10971", "Origin": "http://exporter:10972"}, 403),
        ({"Host": "exporter", "Origin": "https://exporter.evil.example"}, 403),
        ({"Host": "null", "Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Host": "exporter", "Origin": "http://exporter"}, 403),
    ],
)
async def test_page_of_another_site_cannot_ask_for_a_reload(headers: dict[str, str], status: int) -> None:
    shown = FakeService()
    async with (
        served(shown) as url,
        ClientSession(headers=headers) as session,
        session.post(f"{url}/-/reload") as response,
    ):
        assert response.status == status


async def test_reload_is_not_done_by_looking_at_it() -> None:
    assert (await answer(FakeService(), "/-/reload"))[0] == 405


@pytest.mark.parametrize("path", ["/", "/metrics", "/config", "/-/healthy", "/-/ready", "/static/style.css"])
async def test_head_is_answered_where_get_is(path: str) -> None:
    assert await answer(service(Hanging()), path, "HEAD") == (200, "")


async def test_requests_are_counted_by_page_and_code() -> None:
    shown = service(Domains())
    async with served(shown) as url, ClientSession() as session:
        for path in ("/config", "/nothing", "/etc/passwd", "/-/reload", "/metrics?collect[]=x", "/metrics"):
            async with session.get(url + path) as response:
                page = await response.text()
    assert 'stratoscope_http_requests_total{code="200",handler="/config"} 1.0\n' in page
    assert 'stratoscope_http_requests_total{code="404",handler="other"} 2.0\n' in page
    assert 'stratoscope_http_requests_total{code="405",handler="other"} 1.0\n' in page
    assert 'stratoscope_http_requests_total{code="400",handler="/metrics"} 1.0\n' in page
    assert shown.registry.get_sample_value("stratoscope_scrape_duration_seconds_count") == 1


async def test_a_bug_in_a_page_is_counted_as_500(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeService):
        def config_shown(self) -> str:
            raise RuntimeError("a bug")

    shown = Broken()
    assert (await answer(shown, "/config"))[0] == 500
    labels = {"handler": "/config", "code": "500"}
    assert shown.registry.get_sample_value("stratoscope_http_requests_total", labels) == 1
    assert "a bug" in caplog.text


async def test_all_addresses_are_listened_on() -> None:
    open_to_all = Access.open(None)
    app = application(FakeService(), open_to_all)
    serving = await serve(app, ["127.0.0.1:0", "[::1]:0", ":0"], open_to_all)
    assert [url.rpartition(":")[0] for url in serving.urls] == [
        "http://127.0.0.1",
        "http://[::1]",
        "http://[::]",
    ]
    async with ClientSession() as session:
        for url in serving.urls:
            async with session.get(f"{url}/-/healthy") as response:
                assert response.status == 200
    await serving.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(serving.urls[0].rpartition(":")[2]))


async def test_address_in_use_is_an_error_and_nothing_stays_open() -> None:
    open_to_all = Access.open(None)
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        app = application(FakeService(), open_to_all)
        with pytest.raises(
            ConfigError, match=rf"--web\.listen-address: cannot listen on 127\.0\.0\.1:{port}"
        ):
            await serve(app, [f"127.0.0.1:{other}", f"127.0.0.1:{port}"], open_to_all)
    socket.create_server(("127.0.0.1", other)).close()


async def test_bad_address_is_an_error() -> None:
    open_to_all = Access.open(None)
    with pytest.raises(ConfigError, match=r"--web\.listen-address"):
        await serve(application(FakeService(), open_to_all), ["10971"], open_to_all)


async def test_open_door_is_logged_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    open_to_all = Access.open(None)
    serving = await serve(application(FakeService(), open_to_all), [":0"], open_to_all)
    async with ClientSession() as session, session.get(serving.urls[0]) as response:
        assert "no TLS or authentication on :0" in await response.text()
    await serving.close()
    assert "no TLS or authentication on :0" in caplog.text


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("", ["no TLS or authentication on 0.0.0.0:1", "no TLS or authentication on :2"]),
        (USERS, ["no TLS on 0.0.0.0:1", "no TLS on :2"]),
        (TLS, ["no authentication on 0.0.0.0:1", "no authentication on :2"]),
        (TLS + USERS, []),
        (TLS.replace("}", CLIENT), []),
    ],
    ids=["nothing", "users", "tls", "tls and users", "client certificates"],
)
def test_what_is_missing_is_named_for_each_open_address(
    text: str, warnings: list[str], tmp_path: Path
) -> None:
    places = [Address("0.0.0.0", 1), Address("", 2), Address("127.0.0.1", 3)]  # noqa: S104 - that is the case
    guarded = access(tmp_path, text)
    guarded.listens_on(places)
    assert guarded.warnings == warnings


async def test_door_that_is_closed_later_is_shown_and_logged_so_and_stays_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = access(tmp_path, "")
    serving = await serve(application(FakeService(), guarded), [":0"], guarded)
    alice = {"Authorization": encode_basic_auth("alice", "secret")}
    async with ClientSession() as session:
        for text, said in ((USERS, "no TLS on :0"), (f"{USERS}\n", "no TLS on :0"), ("", "no TLS on :0")):
            (tmp_path / "web.yml").write_text(text)
            async with session.get(serving.urls[0], headers=alice) as response:
                page = await response.text()
            assert said in page, text
    await serving.close()
    logged = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    nothing, no_tls = "no TLS or authentication on :0", "no TLS on :0"
    assert logged == [f"{text}; see --web.config.file" for text in (nothing, no_tls)]


async def test_close_does_not_wait_for_a_scrape_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    open_to_all = Access.open(None)
    shown = service(Hanging())
    serving = await serve(application(shown, open_to_all), ["127.0.0.1:0"], open_to_all)
    host, port = serving.urls[0].removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.05)
    async with asyncio.timeout(FAR_S):
        await serving.close()
    await shown.runners[0].stop()
    writer.close()
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/config",
        "/-/healthy",
        "/-/ready",
        "/static/style.css",
        "/static/icon.svg",
        "/nothing",
        "/metrics?collect[]=x",
    ],
)
async def test_browser_is_told_with_every_answer_what_it_may_do(path: str) -> None:
    async with served(FakeService()) as url, ClientSession() as session, session.get(url + path) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["Content-Security-Policy"] == POLICY


async def test_web_configurations_headers_take_the_place_of_our_own(tmp_path: Path) -> None:
    guarded = access(tmp_path, "http_server_config: {headers: {Content-Security-Policy: default-src 'self'}}")
    async with served(FakeService(), guarded) as url, ClientSession() as session:
        for path in ("/", "/-/healthy", "/nothing"):
            async with session.get(url + path) as response:
                assert response.headers.getall("Content-Security-Policy") == ["default-src 'self'"]


async def test_page_may_have_a_policy_of_its_own() -> None:
    own = f"{POLICY}; script-src 'self'"

    async def page(_: web.Request) -> web.Response:
        return web.Response(headers={"Content-Security-Policy": own})

    open_to_all = Access.open(None)
    app = application(FakeService(), open_to_all)
    app.router.add_get("/page", page)
    serving = await serve(app, ["127.0.0.1:0"], open_to_all)
    async with ClientSession() as session, session.get(f"{serving.urls[0]}/page") as response:
        assert response.headers.getall("Content-Security-Policy") == [own]
    await serving.close()


async def test_what_a_page_loads_is_there_and_may_be_kept() -> None:
    async with served(FakeService()) as url, ClientSession() as session:
        async with session.get(url) as response:
            page = parsed(await response.text())
        kinds = {}
        for link in page.all("link"):
            async with session.get(url + link.attributes["href"]) as response:
                kinds[link.attributes["rel"]] = response.content_type
                assert response.status == 200
                assert response.headers["Cache-Control"] == "private, max-age=86400"
    assert kinds == {"stylesheet": "text/css", "icon": "image/svg+xml"}


async def test_what_a_page_loads_is_guarded_as_the_page_is(tmp_path: Path) -> None:
    async with served(FakeService(), access(tmp_path, USERS)) as url, ClientSession() as session:
        for path in ("/", "/static/style.css", "/static/icon.svg"):
            async with session.get(url + path) as response:
                assert response.status == 401


def test_browser_that_does_not_say_whom_it_asks_is_of_another_site() -> None:
    assert is_cross_site({"Origin": "null"})
    assert is_cross_site({"Origin": ""})
    assert not is_cross_site({})
