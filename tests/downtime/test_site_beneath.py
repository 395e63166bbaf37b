"""The pages behind a proxy that has them beneath a path of its own: all that is in them leads there."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

from aiohttp import ClientSession
from yarl import URL

from support.asking import basic
from support.downtime_site import DRAFT, Site, downtimes, filled_in
from support.html_page import Element, as_written
from support.proxies import beneath
from support.stores import HOUR

MOST_OF_A_KIND = 5
WINDOW = {
    "title": "backup", "matcher_sets": [["host=n1"]], "rrule": "FREQ=DAILY", "zone": "Europe/Berlin",
    "first": "2027-01-15T08:30:00", "duration_s": HOUR,
}  # fmt: skip


class Browser:
    """Attributes: url: Of the front page; seen: Status of each address that was asked for."""

    def __init__(self, url: str, session: ClientSession, **headers: str) -> None:
        self.url, self._session, self._headers = url, session, headers
        self.seen: dict[str, int] = {}

    async def get(self, url: str) -> Element | None:
        async with self._session.get(url) as response:
            self.seen[url] = response.status
            is_page = response.content_type == "text/html"
            return as_written(await response.text()) if is_page else None

    async def crawl(self) -> Mapping[str, list[tuple[str, Element]]]:
        """Pages of every kind with their forms, from the front page on."""
        forms, waiting = {}, [f"{self.url}/"]
        while waiting:
            url = waiting.pop(0)
            kind = shape(url)
            if url in self.seen or [*map(shape, self.seen)].count(kind) >= MOST_OF_A_KIND:
                continue
            page = await self.get(url)
            if page is not None:
                waiting += [*addresses(page, url)]
                forms[url] = [(urljoin(url, one.attributes["action"]), one) for one in page.all("form")]
        return forms

    async def send(self, url: str, fields: Mapping[str, str]) -> tuple[int, str]:
        """The status, and the address to which it redirects."""
        async with self._session.post(
            url, data=fields, allow_redirects=False, headers=self._headers
        ) as response:
            return response.status, urljoin(url, response.headers.get("Location", ""))


def shape(url: str) -> tuple[str, ...]:
    """Of all pages of a kind: of all downtimes, of all days of the timeline."""
    parts = urlsplit(url)
    return re.sub("/downtimes/[0-9a-z]{10,}", "/downtimes/ID", parts.path), *sorted(parse_qs(parts.query))


def addresses(page: Element, url: str) -> Iterator[str]:
    for one in page.everything():
        if one.tag in ("a", "link") and not one.attributes["href"].startswith("#"):
            yield urljoin(url, one.attributes["href"]).partition("#")[0]


async def filled(site: Site) -> None:
    """So many that there are pages of each list."""
    for number in range(60):
        await site.json("POST", "/downtimes", DRAFT | {"title": f"d{number}"}, user="alice")
    for number in range(51):
        await site.json(
            "POST", "/windows", WINDOW | {"title": f"w{number}", "rrule": "FREQ=YEARLY"}, user="alice"
        )
    await site.json("POST", "/windows", WINDOW, user="alice")


async def test_every_link_form_and_redirect_leads_beneath_the_path_of_a_proxy(tmp_path: Path) -> None:
    async with (
        downtimes(tmp_path, has_users=True) as site,
        beneath(site.url, "/ops/down%20times") as url,
        ClientSession(headers=basic("alice")) as session,
    ):
        await filled(site)
        browser = Browser(
            url, session, **{"Sec-Fetch-Site": "same-origin", "Origin": URL(url).origin().human_repr()}
        )
        forms = await browser.crawl()
        assert {one: status for one, status in browser.seen.items() if status != 200} == {}
        assert [one for one in browser.seen if not one.startswith(f"{url}/")] == []
        paths = {one.removeprefix(url).partition("?")[0] for one in browser.seen}
        assert paths > {
            "/",
            "/downtimes",
            "/downtimes/new",
            "/windows",
            "/windows/new",
            "/collectors",
            "/static/style.css",
        }
        actions = {action: form for found in forms.values() for action, form in found}
        verbs = {action.rpartition("/")[2] for action in actions}
        assert verbs >= {"downtimes", "windows", "extend", "end", "cancel", "change"}
        for number, verb in enumerate(("extend", "change", "end", "cancel")):
            ones = [one for one in actions.items() if one[0].endswith(f"/{verb}") and "/downtimes/" in one[0]]
            action, form = ones[number]
            status, where = await browser.send(action, filled_in(form) | {"do": "store"})
            assert (status, where) == (303, action.removesuffix(f"/{verb}"))
            assert await browser.get(where) is not None
        action, form = next(one for one in actions.items() if one[0].endswith("/windows"))
        typed = {"do": "store", "title": "new", "matcher_sets": "host=n2", "rrule": "FREQ=DAILY"}
        status, where = await browser.send(action, filled_in(form) | typed)
        assert (status, where.partition("?")[0]) == (303, f"{url}/windows")


async def test_a_form_from_another_site_is_refused_behind_a_proxy(tmp_path: Path) -> None:
    async with (
        downtimes(tmp_path, has_users=True) as site,
        beneath(site.url, "/downtime") as url,
        ClientSession(headers=basic("alice")) as session,
    ):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://other.example.org"}):
            browser = Browser(url, session, **headers)
            assert (await browser.send(f"{url}/downtimes", {"title": "x"}))[0] == 403
