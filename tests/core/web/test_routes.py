"""The routes of an exporter, over real connections."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from stratoscope.core.web.auth import Access
from stratoscope.core.web.routes import (
    AS_METRICS,
    LOGGED_IN,
    OPEN,
    Answer,
    NotOpenedError,
    OpenedParts,
    Request,
    Role,
    Route,
    UrlToken,
    Who,
    roles_of,
)
from stratoscope.core.web.server import application
from support import certificates
from support.asking import WHOAMI, ask, basic, web_config, whoami
from support.certificates import Authority, trusting
from support.connections import serving
from support.logs import logged
from support.services import Domains, FakeService, served
from support.services import service as collected

VERIFIED = (
    "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt,"
    " client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [%s]}\n"
)


async def own_page(_: Request) -> web.Response:
    return web.Response(text="<h1>ours</h1>", content_type="text/html")


async def echo(request: Request) -> web.Response:
    return web.Response(text="|".join(request.http.match_info.values()))


async def broken(request: Request) -> web.StreamResponse:
    if "begun" in request.http.query:
        response = web.StreamResponse()
        await response.prepare(request.http)
        await response.write(b"half")
    raise RuntimeError("a bug")


async def store(request: Request) -> web.Response:
    return web.Response(text=request.opened["store"])


async def none(_opened: Mapping[str, Any], _parts: Mapping[str, str]) -> list[str]:
    return []


def service(*routes: Route) -> FakeService:
    return FakeService(routes=routes)


async def test_own_page_moves_cores_table_one_click_away() -> None:
    async with served(service(Route("GET", "/", own_page, OPEN))) as url:
        assert (await ask(f"{url}/")).text == "<h1>ours</h1>"
        answer = await ask(f"{url}/collectors")
    assert answer.status == 200
    assert "Watches VMs from their host." in answer.text


@pytest.mark.parametrize("routes", [(), (Route("POST", "/", own_page, OPEN),), WHOAMI])
async def test_table_stays_where_no_page_takes_its_place(routes: tuple[Route, ...]) -> None:
    async with served(service(*routes)) as url:
        assert "Watches VMs from their host." in (await ask(f"{url}/")).text
        assert (await ask(f"{url}/collectors")).status == 404


async def test_table_stays_as_guarded_as_it_was(tmp_path: Path) -> None:
    async with served(service(Route("GET", "/", own_page, OPEN)), web_config(tmp_path)) as url:
        assert (await ask(f"{url}/")).status == 200
        assert (await ask(f"{url}/collectors")).status == 401
        assert (await ask(f"{url}/collectors", headers=basic("bob"))).status == 200


async def test_requests_are_counted_by_the_path_that_is_declared() -> None:
    async with served(service(Route("GET", "/vms/{vm}", echo, OPEN))) as url:
        assert (await ask(f"{url}/vms/some-id")).text == "some-id"
        page = (await ask(f"{url}/metrics")).text
    assert 'stratoscope_http_requests_total{code="200",handler="/vms/{vm}"} 1.0\n' in page
    assert "some-id" not in page


@pytest.mark.parametrize(
    ("query", "answered"), [("", b"HTTP/1.1 500 "), ("?begun", b"half")], ids=["before", "after"]
)
async def test_bug_is_500_and_counted_and_logged(
    query: str, answered: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(service(Route("GET", "/broken/{id}", broken, OPEN))) as server:
        sent = f"GET /broken/some-id{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await server.answer(sent.encode())
        assert server.count("requests_total", handler="/broken/{id}", code="500") == 1
    assert answered in answer or b"HTTP/1.0 500 " in answer
    assert ("a bug; the log tells more" in answer.decode()) == (not query)
    assert logged(caplog) == ["answering failed, a bug path='/broken/{id}'"]
    assert "some-id" not in caplog.text


async def test_handler_may_answer_by_raising() -> None:
    async def gone(_: Request) -> web.Response:
        raise web.HTTPGone(text="gone\n")

    async with served(service(Route("GET", "/gone", gone, OPEN))) as url:
        answer = await ask(f"{url}/gone")
        assert (answer.status, answer.text) == (410, "gone\n")
        assert 'code="410",handler="/gone"} 1.0' in (await ask(f"{url}/metrics")).text


async def test_what_is_not_opened_yet_is_503_until_it_is() -> None:
    shown = service(Route("GET", "/store", store, LOGGED_IN))
    async with served(shown) as url:
        answer = await ask(f"{url}/store")
        assert (answer.status, answer.text) == (503, "not ready: store is not opened yet\n")
        assert answer.headers["Retry-After"] == "1"
        shown.opened = {"store": "kept"}
        assert (await ask(f"{url}/store")).text == "kept"
        answer = await ask(f"{url}/store", headers={"Host": "evil.example"})
        assert answer.status == 403, "who may not ask learns nothing"


def test_what_is_opened_is_a_mapping() -> None:
    opened = OpenedParts({"store": 1})
    assert (dict(opened), len(opened), opened.get("ledger")) == ({"store": 1}, 1, None)
    with pytest.raises(NotOpenedError):
        opened["ledger"]


BAD: dict[str, tuple[str, str, Who, str]] = {
    "metrics": ("GET", "/metrics", OPEN, "/metrics: it is core's own"),
    "below metrics": ("POST", "/metrics/x", OPEN, "/metrics/x: it is core's own"),
    "config": ("GET", "/config", OPEN, "/config: it is core's own"),
    "collectors": ("GET", "/collectors", OPEN, "/collectors: it is core's own"),
    "static": ("GET", "/static/style.css", OPEN, "it is core's own"),
    "lifecycle": ("POST", "/-/reload", OPEN, "/-/reload: it is core's own"),
    "another of the lifecycle": ("POST", "/-/quit", OPEN, "/-/quit: it is core's own"),
    "variable": ("GET", "/{page}", OPEN, "allowed: / and paths whose first segment is fixed"),
    "half a variable": ("GET", "/a{page}", OPEN, "allowed: / and paths whose first segment is fixed"),
    "escape": ("GET", "/%6detrics", OPEN, "allowed: / and paths whose first segment is fixed"),
    "two slashes": ("GET", "//metrics", OPEN, "allowed: / and paths whose first segment is fixed"),
    "no slash": ("GET", "metrics", OPEN, "allowed: / and paths whose first segment is fixed"),
    "method": ("HEAD", "/a", OPEN, "HEAD /a: allowed methods: GET, POST, PUT, PATCH, DELETE"),
    "no token": ("GET", "/a/{id}", UrlToken(none), "/a/{id}: its path has no {token}"),
    "no role": ("GET", "/a", Role(), "/a: names no role"),
}


@pytest.mark.parametrize(("method", "path", "who", "said"), BAD.values(), ids=BAD)
def test_route_that_is_none_is_an_error_at_once(method: str, path: str, who: Who, said: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - what it says is looked at
        Route(method, path, whoami, who)
    assert said in str(raised.value)


async def test_two_routes_for_one_path_are_an_error() -> None:
    one, other = Route("GET", "/a", whoami, LOGGED_IN), Route("GET", "/b", whoami, OPEN)
    with pytest.raises(ValueError, match="GET /a: two routes"):
        application(service(one, other, one), Access.open(None))


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/a/{x}", "/a/{y}"),
        ("/a/{x}/b/{y}", "/a/{y}/b/{x}"),
        (r"/a/{x:\d{2,}}", r"/a/{y:\d{2,}}"),
    ],
)
async def test_two_paths_that_differ_only_in_names_of_variables_are_an_error(path: str, other: str) -> None:
    routes = [Route("GET", one, echo, OPEN) for one in (path, other)]
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - what it says is looked at
        application(service(*routes), Access.open(None))
    assert str(raised.value) == f"GET {other}: two routes"


async def test_two_paths_whose_variables_have_other_patterns_are_two() -> None:
    routes = [Route("GET", one, echo, OPEN) for one in (r"/a/{x:\d+}", "/a/{x:[a-z]+}", "/a/{x}/b")]
    async with served(service(*routes, Route("POST", "/a/{y}", echo, OPEN))) as url:
        assert [(await ask(f"{url}/a/{one}")).text for one in ("12", "ab", "C/b")] == ["12", "ab", "C"]


async def test_roles_are_those_that_routes_ask_for() -> None:
    assert roles_of(WHOAMI) == {"editor", "viewer"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_head_is_guarded_as_get_is(method: str, tmp_path: Path) -> None:
    async with served(service(*WHOAMI), web_config(tmp_path)) as url:
        for path, statuses in (("/open", (200, 200)), ("/inside", (401, 200)), ("/edit", (401, 403))):
            assert (await ask(url + path, method)).status == statuses[0]
            answer = await ask(url + path, method, headers=basic("alice"))
            assert answer.status == statuses[1]
            assert (answer.text == "") == (method == "HEAD")


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
async def test_other_methods_are_refused_with_those_that_are_allowed(method: str, tmp_path: Path) -> None:
    async with served(service(*WHOAMI)) as url:
        answer = await ask(f"{url}/edit", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,POST")
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with served(service(*WHOAMI), web_config(tmp_path)) as url:
        assert (await ask(f"{url}/edit", method)).status == 401
        assert (await ask(f"{url}/edit", method, headers=basic("bob"))).status == 405


@pytest.mark.parametrize(
    "path",
    [
        "//edit",
        "/./edit",
        "/open/../edit",
        "/open/%2e%2e/edit",
        "/open%2f..%2fedit",
        "/edit/",
        "/edit;x",
        "/edit%00",
        "/EDIT",
        "/%65dit",
        "http://x/edit",
        "/edit?open",
        "/open/%2e%2e%2fedit",
    ],
)
async def test_no_spelling_of_a_path_gets_around_its_guard(path: str, tmp_path: Path) -> None:
    async with serving(service(*WHOAMI), access=web_config(tmp_path)) as server:
        answer = await server.answer(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("part", ["a%2Fb", "..%2f..%2fetc", "%2e%2e", "a%00b", "%C3%A4", "a;b"])
async def test_part_of_a_path_is_decoded_once_and_stays_in_its_place(part: str) -> None:
    routes = [Route("GET", "/vms/{vm}", echo, LOGGED_IN), Route("GET", "/vms/{vm}/{disk}", echo, OPEN)]
    async with serving(service(*routes)) as server:
        sent = f"GET /vms/{part} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert (await server.answer(sent.encode())).startswith(b"HTTP/1.1 403 ")
        sent = sent.replace("evil.example", "localhost")
        assert (await server.answer(sent.encode())).startswith(b"HTTP/1.1 200 ")


async def test_guarded_answers_are_kept_by_no_cache_in_between() -> None:
    async with served(service(*WHOAMI)) as url:
        assert (await ask(f"{url}/inside")).headers["Cache-Control"] == "private, no-cache"
        answer = await ask(f"{url}/open", headers={"Host": "evil.example"})
        assert (answer.text, "Cache-Control" in answer.headers) == (":", False)


async def raised(_: Request) -> web.Response:
    raise web.HTTPMovedPermanently("/elsewhere")


async def streamed(request: Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request.http)
    await response.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await response.write_eof()
    return response


@pytest.mark.parametrize(("answer", "status"), [(raised, 301), (streamed, 200)])
async def test_answers_of_a_guarded_route_that_are_raised_or_streamed_are_kept_by_no_cache_either(
    answer: Answer, status: int
) -> None:
    async with served(service(Route("GET", "/inside", answer, LOGGED_IN))) as url:
        answered = await ask(f"{url}/inside")
    assert (answered.status, answered.headers["Cache-Control"]) == (status, "private, no-cache")


async def test_open_page_for_somebody_who_is_known_is_kept_by_no_cache(tmp_path: Path) -> None:
    async with served(service(*WHOAMI), web_config(tmp_path)) as url:
        answer = await ask(f"{url}/open", headers=basic("alice"))
        assert (answer.text, answer.headers["Cache-Control"]) == ("alice:", "private, no-cache")
        assert "Cache-Control" not in (await ask(f"{url}/open")).headers


async def test_stream_that_is_asked_for_by_head_is_not_taken_for_the_next_answer() -> None:
    async with serving(service(Route("GET", "/stream", streamed, OPEN))) as server:
        head = b"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await server.answer(head + head.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert [part[:13] for part in answer.split(b"\r\n\r\n")] == [b"HTTP/1.1 200 ", b"HTTP/1.1 200 ", b""]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "a:1", "Origin": "http://a:1"}, 200),
        ({"Host": "a:80", "Origin": "http://a"}, 200),
        ({"Host": "a:443", "Origin": "https://a"}, 200),
        ({"Host": "a:443", "Origin": "http://a"}, 403),
        ({"Host": "a:8080", "Origin": "http://a"}, 403),
        ({"Host": ":80", "Origin": "http://"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "a:1", "Origin": "http://a:2"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_page_of_another_site_changes_nothing(
    headers: dict[str, str], status: int, method: str, tmp_path: Path
) -> None:
    routes = [Route(method, "/change", whoami, LOGGED_IN), Route(method, "/open", whoami, OPEN)]
    async with served(service(*routes), web_config(tmp_path)) as url:
        for path in ("/change", "/open"):
            answer = await ask(url + path, method, headers={**basic("alice"), **headers})
            assert answer.status == status


async def test_link_from_another_site_may_be_followed_with_a_log_in(tmp_path: Path) -> None:
    async with served(service(*WHOAMI), web_config(tmp_path)) as url:
        sent = {**basic("alice"), "Sec-Fetch-Site": "cross-site"}
        assert (await ask(f"{url}/inside", headers=sent)).status == 200


async def test_rate_limit_holds_for_open_routes(tmp_path: Path) -> None:
    limited = web_config(tmp_path, "rate_limit: {interval: 10s, burst: 2}\n")
    async with served(service(*WHOAMI), limited) as url:
        assert [(await ask(f"{url}/open")).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(("names", "status"), [("client", 200), ("other", 403)])
async def test_client_certificate_is_asked_for_on_open_routes(
    names: str, status: int, tmp_path: Path
) -> None:
    authority = Authority()
    certificates.write(tmp_path, authority)
    context = trusting(tmp_path, authority.issue("client", [x509.DNSName("client")]))
    async with served(service(*WHOAMI), web_config(tmp_path, VERIFIED % names)) as url:
        assert (await ask(f"{url}/open", ssl=context)).status == status
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await ask(f"{url}/open", ssl=trusting(tmp_path))


SCRAPED = Route("GET", "/scraped", whoami, AS_METRICS)


async def test_who_may_scrape_may_ask_for_a_route_that_is_as_metrics(tmp_path: Path) -> None:
    far = {"source": "127.0.0.2", "headers": {"X-Forwarded-For": "192.0.2.1"}}
    async with served(service(SCRAPED)) as url:
        for path in ("/scraped", "/metrics"):
            assert (await ask(url + path, **far)).status == 200  # type: ignore[arg-type]  # of two types
    async with served(service(SCRAPED), web_config(tmp_path)) as url:
        for path in ("/scraped", "/metrics"):
            assert (await ask(url + path)).status == 401
            assert (await ask(url + path, headers=basic("alice", "wrong"))).status == 401
            assert (await ask(url + path, headers=basic("alice"))).status == 200
        answer = await ask(f"{url}/scraped", headers=basic("alice"))
        assert (answer.text, answer.headers["Cache-Control"]) == (":", "private, no-cache")


async def test_route_that_is_as_metrics_opens_no_file_of_pages(tmp_path: Path) -> None:
    for routes, status in (((SCRAPED,), 401), ((SCRAPED, *WHOAMI), 200)):
        async with served(service(*routes), web_config(tmp_path)) as url:
            page = (await ask(f"{url}/", headers=basic("bob"))).text
            (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
            assert (await ask(f"{url}/{style}")).status == status


async def test_route_gets_the_runner_of_a_collector_that_runs() -> None:
    runs, off = Domains(), Domains()
    found = []

    async def look(request: Request) -> web.Response:
        found.extend([request.runner(runs), request.runner(off)])
        return web.Response()

    shown = replace(collected(runs), routes=[Route("GET", "/look", look, OPEN)])
    async with served(shown) as url:
        await ask(f"{url}/look")
    assert found == [shown.runners[0], None]
