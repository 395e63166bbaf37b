"""Which calls accept the token in use: a call that refuses a fresh token, which others accept, is paused.

A call is a service and an operation: a gateway or a policy may answer 401 to one path alone.
"""

from typing import Final

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.openstack.client.login import Token
from stratoscope.core.errors import LeftOut, LeftOutError

Call = tuple[str, str]
"""Service and operation."""

IN_VAIN_FOR_S: Final = 300.0
"""For this time no further token is obtained for a call that refused one obtained just for it."""


class Tokens:
    """The calls that accepted or refused the newest token; a refusal does not count for the next token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._token: Token | None = None
        self._refused_by: set[Call] = set()
        self._taken_by: set[Call] = set()
        self._took_before: set[Call] = set()  # the token before
        self._in_vain: dict[Call, float] = {}
        self._was_in_vain = False  # the newest token, as it was got because the one before was refused

    def refused(self, call: Call, token: Token, *, is_fresh: bool) -> None:
        """Record a 401. Args: is_fresh: The token was obtained after this call refused the previous one."""
        is_newest = self._is_newest(token)
        if (is_fresh or (is_newest and self._was_in_vain)) and self.is_over(call):
            self._in_vain[call] = self._clock.monotonic() + IN_VAIN_FOR_S
        if is_newest:
            self._was_in_vain = self._was_in_vain or is_fresh
            self._refused_by.add(call)

    def taken(self, call: Call, token: Token) -> None:
        """Record any other answer of a service that checked the token."""
        if self._is_newest(token):
            self._taken_by.add(call)
            self._refused_by.discard(call)

    def is_worth_another(self, call: Call, token: Token) -> bool:
        """Whether a call that was answered 401 may get a new token.

        Not if it never accepted this one, which was just obtained for another call without success.
        """
        is_vain = token is self._token and self._was_in_vain and call not in self._taken_by
        is_recent = self._clock.monotonic() - token.began < IN_VAIN_FOR_S
        return self.is_over(call) and not (is_vain and is_recent)

    def is_over(self, call: Call) -> bool:
        """Whether the time is over in which no other token is obtained for a call."""
        return self._in_vain.get(call, 0.0) <= self._clock.monotonic()

    def check(self, call: Call, token: Token) -> None:
        """Raise LeftOutError `unauthorized` for a call that refused this token while others accept it.

        Not if it accepted this one or the previous one. It is sent again once the token is renewed.
        """
        if token is not self._token or call not in self._refused_by:
            return
        if self._taken_by and call not in self._taken_by | self._took_before:
            what = "refuses (401) a new token that other calls accept; it is sent again with the next token"
            raise LeftOutError(LeftOut.UNAUTHORIZED, f"{call[0]}: {call[1]}: {what}")

    def _is_newest(self, token: Token) -> bool:
        """Whether it is the newest; nothing is known of a token that was not seen before."""
        if self._token is not token and (self._token is None or token.began >= self._token.began):
            self._took_before = self._taken_by
            self._token, self._refused_by, self._taken_by = token, set(), set()
            self._was_in_vain = False
        return token is self._token
