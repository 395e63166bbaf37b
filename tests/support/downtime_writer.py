"""Somebody who files and changes downtimes all the time, and knows what each of them must be."""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set

_AGAIN_S: Final = 0.1
_TIMEOUT: Final = ClientTimeout(total=5)
_LONGEST_PAUSE_S: Final = 0.3
_MOST: Final = 60
"""Downtimes that are not cancelled."""


@dataclass
class Filed:
    """A downtime as it was acknowledged. Attributes: hosts: Whose alerts it explains."""

    draft: dict[str, Any]
    hosts: list[str]
    is_cancelled: bool = False

    @property
    def sets(self) -> Sequence[MatcherSet]:
        return [matcher_set(map(Matcher.parse, one)) for one in self.draft["matcher_sets"]]


@dataclass
class Writer:
    """Each request is sent again, with the same key, until it is answered.

    Attributes:
        url: Of the exporter.
        filed: By id, all that was acknowledged.
        may_write: Cleared to stop it between two requests.
        explained: Hosts whose alerts are in a downtime now, as far as it was acknowledged.
    """

    url: str
    dice: random.Random
    filed: dict[str, Filed] = field(default_factory=dict)
    may_write: asyncio.Event = field(default_factory=asyncio.Event)
    is_writing: bool = False
    explained: set[str] = field(default_factory=set)
    _count: int = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        async with ClientSession(timeout=_TIMEOUT) as session:
            while True:
                await self.may_write.wait()
                self.is_writing = True
                await self._one(session)
                self.is_writing = False
                await asyncio.sleep(self.dice.uniform(0, _LONGEST_PAUSE_S))

    async def _one(self, session: ClientSession) -> None:
        live = [name for name, one in self.filed.items() if not one.is_cancelled]
        if len(live) > _MOST:
            await self._cancel(session, live[0])
        elif not live or self.dice.random() < 0.6:
            await self._file(session)
        else:
            do = self.dice.choice([self._extend, self._move, self._cancel])
            await do(session, self.dice.choice(live))

    async def _file(self, session: ClientSession) -> None:
        self._count += 1
        now, host = int(time.time()), f"d{self._count}"
        draft = {
            "title": f"downtime of {host}",
            "start": now - 1,
            "end": now + 3600,
            "matcher_sets": [["cloud=uni", f"host={host}"]],
        }
        one = await self._ask(session, "POST", "", draft)
        self.filed[one["id"]] = Filed(draft, [host])
        self.explained.add(host)

    async def _extend(self, session: ClientSession, name: str) -> None:
        end = self.filed[name].draft["end"] + 60
        await self._ask(session, "POST", f"/{name}/extend", {"end": end})
        self.filed[name].draft["end"] = end

    async def _move(self, session: ClientSession, name: str) -> None:
        """Its matchers become others, which match the same host; or another set is added."""
        one = self.filed[name]
        host = one.hosts[0]
        sets = [[f"host={host}", f"cloud=~uni|u{self.dice.randrange(1000)}"], [f"host={host}-bmc"]]
        draft = one.draft | {"matcher_sets": sets}
        await self._ask(session, "PUT", f"/{name}", draft)
        one.draft = draft

    async def _cancel(self, session: ClientSession, name: str) -> None:
        one = self.filed[name]
        self.explained.difference_update(one.hosts)  # from the request on it may be cancelled
        await self._ask(session, "POST", f"/{name}/cancel", None)
        one.is_cancelled = True

    async def _ask(self, session: ClientSession, method: str, path: str, body: object) -> Mapping[str, Any]:
        headers = {"Idempotency-Key": secrets.token_hex(8)} if method == "POST" else {}
        while True:
            try:
                async with session.request(
                    method, f"{self.url}/api/v1/downtimes{path}", json=body, headers=headers
                ) as response:
                    if response.status in (200, 201):
                        answer: Mapping[str, Any] = await response.json()
                        return answer
                    assert response.status == 503, await response.text()
            except (ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(_AGAIN_S)
