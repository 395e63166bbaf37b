"""The routes of the downtime exporter over loopback, with a store in a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from stratoscope.core.config import Secret, decode
from stratoscope.core.web.asking.settings import AccessSettings, Guard
from stratoscope.downtime.api.service import PART, Service
from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.feeds.settings import FeedSettings, by_hash
from stratoscope.downtime.routes import ROUTES
from support.asking import Answered, ask, basic, sha256, web_config
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

    def woken(self) -> None:
        self.wakes += 1


@asynccontextmanager
async def downtimes(folder: Path, *, has_users: bool = False) -> AsyncIterator[Site]:
    """Yields the site; with users (alice edits, bob reads) if asked."""
    async with opened(sqlite(folder)) as store:
        site = Site("", store)
        part = Service(
            store, labels=["team"], changed=site.woken, now=lambda: site.now, url=URL, feeds=by_hash(FEEDS)
        )
        access = decode(AccessSettings, {"roles": ROLES}, "access") if has_users else AccessSettings()
        shown = FakeService(name="downtime", routes=ROUTES, opened={PART: part}, guard=Guard(access))
        async with served(shown, web_config(folder) if has_users else None) as url:
            site.url = url
            yield site
