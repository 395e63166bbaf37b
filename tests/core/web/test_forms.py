"""What a request carries: forms with their CSRF tokens, and JSON."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from aiohttp import web

from stratoscope.core.config import Duration
from stratoscope.core.web import forms
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.forms import LARGEST, LARGEST_OF_ANYBODY
from stratoscope.core.web.routes import LOGGED_IN, OPEN, Request, Route
from support.asking import OTHER_ADDRESS, Answered, Clock, access_settings, ask, basic, web_config
from support.connections import HEALTHY, ended, serving
from support.services import FakeService, served, until

FORM = "application/x-www-form-urlencoded"
REFUSED = (
    "This form is too old, or is another user's, so nothing was changed."
    " Go back, reload the page, and send it again.\n"
)


class Matcher(msgspec.Struct, forbid_unknown_fields=True):
    label: str


class Downtime(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    matchers: list[Matcher] = []
    lasts: Duration | None = None


class Book:
    """Routes that write into it."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.service = FakeService(
            routes=[
                Route("GET", "/form", self.form, LOGGED_IN),
                Route("POST", "/form", self.send, LOGGED_IN),
                Route("POST", "/json", self.post, LOGGED_IN),
            ]
        )

    async def form(self, request: Request) -> web.Response:
        return web.Response(text=request.csrf)

    async def send(self, request: Request) -> web.Response:
        self.written.append(list((await request.form()).items()))
        return web.Response(text="written")

    async def post(self, request: Request) -> web.Response:
        self.written.append(await request.json(Downtime))
        return web.Response(text="written")


@pytest.fixture
def book() -> Book:
    return Book()


async def sent(url: str, body: bytes | str, content_type: str = FORM, **more: Any) -> Answered:
    headers = {"Content-Type": content_type, **more.pop("headers", {})}
    return await ask(url, "POST", headers=headers, data=body, **more)


async def test_form_with_its_token_is_taken(book: Book) -> None:
    async with served(book.service) as url:
        token = (await ask(f"{url}/form")).text
        answer = await sent(f"{url}/form", f"csrf={token}&title=%3Cb%3E+%C3%A4&empty=&of=1&of=2")
        assert (answer.status, answer.text) == (200, "written")
        assert (await sent(f"{url}/form", f"csrf={token}", f"{FORM}; charset=utf-8")).status == 200
    assert book.written == [[("title", "<b> ä"), ("empty", ""), ("of", "1"), ("of", "2")], []]


async def test_form_without_its_token_changes_nothing(book: Book) -> None:
    async with served(book.service) as url:
        token = (await ask(f"{url}/form")).text
        made, _, signature = token.partition(".")
        for wrong in (
            "",
            ".",
            "x",
            made,
            f".{signature}",
            f"{int(made) + 1}.{signature}",
            f"{token}0",
            "%C3%A4.%C3%A4",
        ):
            answer = await sent(f"{url}/form", f"title=a&csrf={wrong}")
            assert (answer.status, answer.text) == (403, REFUSED), wrong
        assert (await sent(f"{url}/form", "title=a")).status == 403
        assert (await sent(f"{url}/form", f"csrf=x&csrf={token}")).status == 403
    assert book.written == []


async def test_token_of_another_asker_or_process_is_none(book: Book, tmp_path: Path) -> None:
    async with served(book.service, web_config(tmp_path)) as url:
        token = (await ask(f"{url}/form", headers=basic("bob"))).text
        assert (await sent(f"{url}/form", f"csrf={token}", headers=basic("alice"))).text == REFUSED
        assert (await sent(f"{url}/form", f"csrf={token}", headers=basic("bob"))).status == 200
    async with served(Book().service, web_config(tmp_path)) as url:
        assert (await sent(f"{url}/form", f"csrf={token}", headers=basic("bob"))).text == REFUSED


async def test_token_of_an_asker_with_any_name_is_good(book: Book) -> None:
    proxy = {"addresses": [OTHER_ADDRESS], "user_header": "X-User"}
    book.service.guard = Guard(access_settings(trusted_proxy=proxy))
    headers = {"X-User": "1.Ölga|"}
    async with served(book.service) as url:
        token = (await ask(f"{url}/form", headers=headers, source=OTHER_ADDRESS)).text
        answer = await sent(f"{url}/form", f"csrf={token}", headers=headers, source=OTHER_ADDRESS)
        assert answer.status == 200


async def test_token_is_good_for_twelve_hours(book: Book) -> None:
    clock = Clock(1000.5)
    async with served(book.service, Access(None, monotonic=clock)) as url:
        token = (await ask(f"{url}/form")).text
        clock.time_s = 1000 + 12 * 3600 - 0.5
        assert (await sent(f"{url}/form", f"csrf={token}")).status == 200
        clock.time_s = 1000 + 12 * 3600
        assert (await sent(f"{url}/form", f"csrf={token}")).text == REFUSED


@pytest.mark.parametrize("site", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_right_token_does_not_help_another_site(
    book: Book, site: dict[str, str], tmp_path: Path
) -> None:
    async with served(book.service, web_config(tmp_path)) as url:
        token = (await ask(f"{url}/form", headers=basic("alice"))).text
        answer = await sent(f"{url}/form", f"csrf={token}", headers={**basic("alice"), **site})
        assert (answer.status, answer.text) == (403, "a page of another site may not request this\n")
    assert book.written == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("csrf=%ff", FORM, 400),
        (b"csrf=\xff", FORM, 400),
        ("a=&" * 1001, FORM, 400),
        ("csrf=x", "multipart/form-data; boundary=x", 415),
        ("csrf=x", "text/plain", 415),
        ("{}", "application/json", 415),
    ],
)
async def test_what_is_no_form_is_refused(
    body: str | bytes, content_type: str, status: int, book: Book
) -> None:
    async with served(book.service) as url:
        assert (await sent(f"{url}/form", body, content_type)).status == status


async def test_json_is_taken_with_basic_authentication_alone(book: Book, tmp_path: Path) -> None:
    body = '{"title": "ä", "matchers": [{"label": "host"}], "lasts": "2h"}'
    async with served(book.service, web_config(tmp_path)) as url:
        for content_type in ("application/json", "Application/JSON; charset=utf-8"):
            answer = await sent(f"{url}/json", body, content_type, headers=basic("alice"))
            assert (answer.status, answer.text) == (200, "written")
    assert book.written == [Downtime("ä", [Matcher("host")], Duration(7200))] * 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{}", "title: missing\n"),
        ('{"title": "a", "titel": "b"}', "titel: unknown key; allowed: title, matchers, lasts\n"),
        ('{"title": 1}', "title: expected a text, got a whole number; quotes make it a text\n"),
        (json.dumps({"title": "a" * 101}), "title: expected a text of length <= 100\n"),
        ('{"title": "a", "matchers": [{"label": "a"}, {}]}', "matchers[1].label: missing\n"),
        ('{"title": "a", "lasts": "soon"}', "lasts: expected a duration such as `30s`"),
        ("[]", "expected a mapping, got a list; allowed: title, matchers, lasts\n"),
        ("", "no JSON: "),
        ('{"title": "a"', "no JSON: "),
        ('{"title": "a"} {}', "no JSON: "),
        (b'{"title": "\xff"}', "no JSON: "),
        ("[" * 20_000, "no JSON"),
    ],
)
async def test_json_that_is_wrong_is_refused_and_names_the_field(
    body: str | bytes, said: str, book: Book
) -> None:
    async with served(book.service) as url:
        answer = await sent(f"{url}/json", body, "application/json")
    assert (answer.status, answer.text[: len(said)]) == (400, said)
    assert book.written == []


async def test_json_nested_deep_is_refused_be_it_too_deep_for_this_python_or_not(book: Book) -> None:
    async with served(book.service) as url:
        answer = await sent(f"{url}/json", '{"a":' * 5_000 + "1" + "}" * 5_000, "application/json")
    assert (answer.status, answer.text.split(":")[0]) in {(400, "a"), (400, "no JSON")}
    assert book.written == []


@pytest.mark.parametrize("content_type", ["text/plain", FORM, "application/jsonp", ""])
async def test_json_must_say_so(content_type: str, book: Book) -> None:
    async with served(book.service) as url:
        answer = await sent(f"{url}/json", '{"title": "a"}', content_type)
    assert (answer.status, answer.text) == (415, "expected Content-Type: application/json\n")


@pytest.mark.parametrize(("path", "largest"), [("/json", LARGEST), ("/open", LARGEST_OF_ANYBODY)])
async def test_size_of_a_body_is_bounded_and_smaller_of_a_stranger(
    path: str, largest: int, book: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(forms, "LARGEST", LARGEST - 100)  # what a connection takes is more than the page does
    largest = min(largest, LARGEST - 100)
    book.service.routes = [*book.service.routes, Route("POST", "/open", book.post, OPEN)]
    body = json.dumps({"title": "a"}).ljust(largest)
    login = basic("alice") if path == "/json" else {}
    async with served(book.service, web_config(tmp_path)) as url:
        assert (await sent(url + path, body, "application/json", headers=login)).status == 200
        answer = await sent(url + path, f"{body} ", "application/json", headers=login)
        assert (answer.status, answer.text) == (413, f"too large; allowed: {largest} bytes\n")


async def test_megabyte_of_text_is_refused_by_the_name_of_its_field(book: Book, tmp_path: Path) -> None:
    body = json.dumps({"title": "a" * 1_000_000})
    async with served(book.service, web_config(tmp_path)) as url:
        for _ in range(2):  # its password is looked at while it comes; then it is known
            answer = await sent(f"{url}/json", body, "application/json", headers=basic("alice"))
            assert (answer.status, answer.text) == (400, "title: expected a text of length <= 100\n")
        answer = await sent(f"{url}/json", body, "application/json", headers=basic("alice", "guess"))
        assert answer.status == 401


@pytest.mark.parametrize("at_once", [True, False])
async def test_body_that_was_announced_is_no_flood(at_once: bool, book: Book) -> None:
    body = json.dumps({"title": "a"}).ljust(300_000).encode()
    head = HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: %d\r\n\r\n" % len(body)
    async with serving(book.service) as server:
        reader, writer = await server.connect(head + body if at_once else head)
        if not at_once:
            await asyncio.sleep(0.02)
            writer.write(body)
        assert await reader.readuntil(b"written")
        chunks = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000
        writer.write(chunks)
        await ended(reader)
        assert server.hung_up("flood") == 1, "but what was not announced is"


HEAD = b"POST /json HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"


async def test_size_of_a_body_of_unknown_length_is_bounded(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "LARGEST", 10_000)
    chunk = b"%x\r\n%s\r\n" % (10_001, b" " * 10_001)
    async with serving(book.service) as server:
        answer = await server.answer(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_that_is_announced_as_too_large_is_not_waited_for(book: Book) -> None:
    async with serving(book.service) as server:
        answer = await server.answer(HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_that_does_not_come_is_not_waited_for(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_READ_S", 0.01)
    async with serving(book.service) as server:
        answer = await server.answer(HEAD + b"Content-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_clients_that_send_no_body_make_room_for_others(book: Book) -> None:
    async with serving(book.service, most=2) as server:
        slow = [(await server.connect(HEAD + b"Content-Length: 10\r\n\r\n{"))[0] for _ in range(2)]
        await server.waiting("body", 2)
        reader, _ = await server.connect(HEALTHY)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert (server.hung_up("room"), server.hung_up("busy")) == (1, 0)
        assert await ended(slow[0]) == b"", "it has waited longest"
    assert book.written == []


async def test_malformed_body_is_no_bug(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    async def post(request: Request) -> web.Response:
        request.http.content.set_exception(web.RequestPayloadError("hunter2"))  # as the parser in Python does
        return await book.post(request)

    book.service.routes = [Route("POST", "/json", post, LOGGED_IN)]
    async with served(book.service) as url:
        answer = await sent(f"{url}/json", "{}", "application/json")
    assert (answer.status, answer.text) == (400, "the body broke off\n")
    assert "a bug" not in caplog.text


async def test_body_that_breaks_off_is_no_bug(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(book.service) as server:
        _, writer = await server.connect(HEAD + b"Content-Length: 10\r\n\r\n{")
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await until(lambda: server.count("requests_total", handler="/json", code="400") == 1)
    assert book.written == []
    assert "a bug" not in caplog.text
