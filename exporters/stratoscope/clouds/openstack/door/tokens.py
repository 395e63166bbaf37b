"""Which services take the token in use: one that refuses a fresh one, which others take, is left alone."""

from typing import Final

from stratoscope.clouds.clock import Clock
from stratoscope.clouds.openstack.door.login import Token
from stratoscope.core.errors import LeftOut, LeftOutError

IN_VAIN_FOR_S: Final = 300.0
"""So long no other token is got for a service that refused one made just for it."""


class Tokens:
    """What services made of the newest token; nothing of it is held against the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._token: Token | None = None
        self._refused_by: set[str] = set()
        self._taken_by: set[str] = set()
        self._in_vain: dict[str, float] = {}

    def refused(self, service: str, token: Token, *, is_fresh: bool) -> None:
        """Take note of a 401. Args: is_fresh: The token was got since this service refused the one before."""
        if is_fresh:
            self._in_vain[service] = self._clock.monotonic() + IN_VAIN_FOR_S
        if self._is_newest(token):
            self._refused_by.add(service)

    def taken(self, service: str, token: Token) -> None:
        """Take note of any other answer of a service that looked at the token."""
        self._in_vain.pop(service, None)
        if self._is_newest(token):
            self._taken_by.add(service)
            self._refused_by.discard(service)

    def is_worth_another(self, service: str) -> bool:
        """Whether a service that answered 401 may take a new token."""
        return self._in_vain.get(service, 0.0) <= self._clock.monotonic()

    def check(self, service: str, token: Token) -> None:
        """Ask a service nothing that refused this token while others take it.

        Raises:
            LeftOutError: `unauthorized`; until the token is renewed.
        """
        if token is self._token and service in self._refused_by and self._taken_by:
            what = "refuses (401) a new token that other services take; it is asked again with the next one"
            raise LeftOutError(LeftOut.UNAUTHORIZED, f"{service}: {what}")

    def _is_newest(self, token: Token) -> bool:
        """Whether it is; of one that was not seen before nothing is known."""
        if self._token is not token and (self._token is None or token.began >= self._token.began):
            self._token, self._refused_by, self._taken_by = token, set(), set()
        return token is self._token
