"""Bearer tokens (RFC 6750), from the configuration and from the exporter's own lookup."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

from stratoscope.core.web.asking.guesses import Guesses, TooManyError, hashed
from stratoscope.core.web.asking.known import OF_TOKENS, UNKNOWN, Known, Outcome, refused
from stratoscope.core.web.asking.settings import Guard, Token


class Bearer:
    """Reads and checks the bearer token of a request."""

    def __init__(self, guesses: Guesses, now: Callable[[], float]) -> None:
        self._guesses, self._now = guesses, now

    async def outcome(self, request: web.Request, guard: Guard, opened: Mapping[str, Any]) -> Outcome:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or not guard.takes_tokens:
            return None
        sha256 = hashed(token)
        found = self._valid(guard.access.token(sha256))  # it costs nothing, whatever others guess
        try:
            found = found or await self._guesses.found(
                sha256, request.remote or "", lambda: self._looked_up(sha256, guard, opened)
            )
        except TooManyError:
            return refused(429, "too many failed log-ins", **{hdrs.RETRY_AFTER: "1"})
        if found is None:
            return refused(UNKNOWN, "a wrong, revoked or expired token")
        return Known(f"{OF_TOKENS}{found.name}", roles=found.roles)

    async def _looked_up(self, sha256: str, guard: Guard, opened: Mapping[str, Any]) -> Token | None:
        if guard.find_token is None or guard.access.token(sha256) is not None:
            return None
        return self._valid(await guard.find_token(opened, sha256))

    def _valid(self, found: Token | None) -> Token | None:
        if found is None or found.expires is None:
            return found
        return found if dt.datetime.fromtimestamp(self._now(), dt.UTC) < found.expires else None
