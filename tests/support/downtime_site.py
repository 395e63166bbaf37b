"""The routes of the downtime exporter over loopback, with a store in a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from stratoscope.core.config import Secret, decode
from stratoscope.core.web.asking.settings import AccessSettings, Guard
from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.feeds.settings import FeedSettings, by_hash
from stratoscope.downtime.routes import ROUTES
from stratoscope.downtime.serving import PART, Service
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from support.asking import Answered, ask, basic, sha256, web_config
from support.html_page import Element, parsed
from support.services import FakeService, served
from support.stores import HOUR, NOW

ROLES = {"viewer": ["bob"], "editor": ["alice"]}
FEEDS = [
    FeedSettings("ops", Secret(sha256("t0ken"))),
    FeedSettings("n1 only", Secret(sha256("of-n1").upper()), {"host": "n1"}),
]
URL = "https://ops.example.org/downtime"
DRAFT: dict[str, Any] = {
    "title": "new switch", "start": NOW - HOUR, "end": NOW + HOUR, "matcher_sets": [["cloud=uni", "host=n1"]],
}  # fmt: skip


@dataclass
class Site:
    """An exporter that answers, and its store. Attributes: wakes: How often silences were woken."""

    url: str
    store: Store
    now: float = NOW
    wakes: int = 0

    async def ask(
        self, method: str, path: str, body: Any = None, *, user: str = "", **headers: str
    ) -> Answered:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= basic(user) if user else {}
        more = {} if body is None else {"json": body}
        return await ask(f"{self.url}/api/v1{path}", method, headers=named, **more)

    async def json(self, method: str, path: str, body: Any = None, *, user: str = "", **headers: str) -> Any:
        """The answer, which is one of success."""
        answer = await self.ask(method, path, body, user=user, **headers)
        assert answer.status in (200, 201), answer.text
        return msgspec.json.decode(answer.text)

    async def filed(self, **fields: Any) -> str:
        """The id of a downtime that was filed by the API."""
        answer = await self.json("POST", "/downtimes", DRAFT | fields)
        return str(answer["id"])

    async def page(self, path: str, *, user: str = "", status: int = 200) -> Element:
        """The page there."""
        answer = await ask(self.url + path, headers=basic(user) if user else {})
        assert answer.status == status, answer.text
        return parsed(answer.text)

    async def send(self, page: Element, button: str, *, user: str = "", **typed: str) -> Answered:
        """Press a button of a page, in the only form that has it, with what was typed."""
        (form,) = (one for one in page.all("form") if any(b.text == button for b in one.all("button")))
        pressed = next(one for one in form.all("button") if one.text == button).attributes
        fields = filled_in(form) | ({pressed["name"]: pressed["value"]} if "name" in pressed else {})
        headers = basic(user) if user else {}
        return await ask(self.url + form.attributes["action"], "POST", headers=headers, data=fields | typed)

    def woken(self) -> None:
        self.wakes += 1


def filled_in(form: Element) -> dict[str, str]:
    """What a browser sends of it."""
    fields = {
        one.attributes["name"]: one.attributes["value"]
        for one in form.all("input")
        if one.attributes.get("type") != "checkbox" or "checked" in one.attributes
    }
    for area in form.all("textarea"):
        fields[area.attributes["name"]] = "".join(map(str, area.content)).removeprefix("\n")
    for select in form.all("select"):
        options = select.all("option")
        chosen = [one for one in options if "selected" in one.attributes] or options
        fields[select.attributes["name"]] = chosen[0].attributes["value"]
    return fields


@asynccontextmanager
async def downtimes(folder: Path, *, has_users: bool = False, **more: Any) -> AsyncIterator[Site]:
    """Yields the site; with users (alice edits, bob reads) if asked. Args: more: Of the Service."""
    async with opened(sqlite(folder)) as store:
        site = Site("", store)
        part = Service(
            store, labels=["team"], changed=site.woken, now=lambda: site.now, url=URL, feeds=by_hash(FEEDS),
            **more,
        )  # fmt: skip
        access = decode(AccessSettings, {"roles": ROLES}, "access") if has_users else AccessSettings()
        shown = FakeService(
            name="downtime", routes=ROUTES, templates="stratoscope.downtime", opened={PART: part},
            guard=Guard(access),
        )  # fmt: skip
        async with served(shown, web_config(folder) if has_users else None) as url:
            site.url = url
            yield site


@asynccontextmanager
async def beside(folder: Path, *urls: str) -> AsyncIterator[Site]:
    """A site with an Alertmanager at each of these."""
    clients = [Alertmanager(AlertmanagerSettings(name=f"am-{n}", urls=(url,))) for n, url in enumerate(urls)]
    async with downtimes(folder, alertmanagers=clients) as site:
        yield site
    for one in clients:
        await one.close()
