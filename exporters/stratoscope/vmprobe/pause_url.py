"""Asks `pause_url` whether the probes of a cloud pause. Source: GET, which answers {active, until}."""

import asyncio
import datetime as dt
import logging
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
from yarl import URL

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.http import Http
from stratoscope.core.errors import CollectError, ConfigError
from stratoscope.core.singleflight import SingleFlight
from stratoscope.vmprobe.settings import token

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 3.0
FRESH_S: Final = 10.0
"""Seconds for which an answer is used."""
LATEST: Final = 32_503_680_000.0
"""The year 3000, in Unix seconds: a pause until then is one without an end."""
_OK: Final = 200

_Aware: TypeAlias = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class _Answer(msgspec.Struct, frozen=True):
    """An answer. Attributes: until: Unix time, or date and time with time zone; None for an open end."""

    active: bool
    until: Annotated[float, msgspec.Meta(ge=0)] | _Aware | None = None


class Pause(msgspec.Struct, frozen=True):
    """A pause that is in force. Attributes: until: Unix time; None for an open end."""

    until: float | None = None


def pause(until: float | None) -> Pause:
    """The pause until then: one beyond the years that pages can show has an open end."""
    return Pause(None if until is None or until >= LATEST else until)


class PauseUrl:
    """One URL, asked at most every 10 s. Without a usable answer nothing pauses.

    Attributes:
        failures: Requests without a usable answer.
        pause: By the last answer; None if nothing pauses.
    """

    def __init__(self, cloud: str, http: Http, clock: Clock = CLOCK) -> None:
        self.failures = 0
        self.pause: Pause | None = None
        self._cloud, self._http, self._clock = cloud, http, clock
        self._url, self._token_file = "", ""
        self._asked, self._is_failing = -FRESH_S, False
        self._flight = SingleFlight[str, None]()

    def change(self, url: str, token_file: str) -> None:
        """Ask this one from now on; "" for none."""
        if (url, token_file) != (self._url, self._token_file):
            self._url, self._token_file = url, token_file
            self.pause, self._asked = None, -FRESH_S

    async def ask(self) -> Pause | None:
        """The pause in force; None if there is none, or that is not known."""
        if self._url and self._clock.monotonic() - self._asked >= FRESH_S:
            flight = self._flight.call(self._url, lambda: asyncio.ensure_future(self._ask(self._url)))
            await asyncio.shield(flight)
        return self.pause

    async def close(self) -> None:
        await self._flight.close()
        await self._http.close()

    async def _ask(self, url: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                pause = await self._answer(url)
        except (CollectError, ConfigError, TimeoutError, msgspec.MsgspecError, RecursionError) as error:
            pause = None
            self.failures += 1
            if not self._is_failing:
                what = str(error) or f"no answer within {TIMEOUT_S:g} s"
                log.warning("pause_url failed, nothing pauses cloud=%s error=%r", self._cloud, what)
            self._is_failing = True
        else:
            self._is_failing = False
        if url == self._url:
            self.pause, self._asked = pause, self._clock.monotonic()

    async def _answer(self, url: str) -> Pause | None:
        headers = {"Accept": "application/json"}
        if self._token_file:
            headers["Authorization"] = f"Bearer {token(Path(self._token_file))}"
        answer = await self._http.request("GET", URL(url), headers, None)
        if answer.status != _OK:
            raise ConfigError(f"it answers {answer.status}")
        decoded = msgspec.json.decode(answer.body, type=_Answer)
        until = decoded.until
        if isinstance(until, dt.datetime):
            until = max(until.timestamp(), 0.0)
        return pause(until) if decoded.active else None
