"""Which services take the token in use: one that refuses a fresh one, which others take, is left alone."""

from stratoscope.clouds.openstack.door.login import Token
from stratoscope.core.errors import LeftOut, LeftOutError


class Tokens:
    """What services made of the newest token; nothing of it is held against the next one."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._refused_by: set[str] = set()
        self._taken_by: set[str] = set()

    def refused(self, service: str, token: Token) -> None:
        """Take note of a 401 to a token that was got since the service refused the one before."""
        if self._is_newest(token):
            self._refused_by.add(service)

    def taken(self, service: str, token: Token) -> None:
        """Take note of any other answer of a service that looked at the token."""
        if self._is_newest(token):
            self._taken_by.add(service)
            self._refused_by.discard(service)

    def is_worth_another(self, service: str, token: Token) -> bool:
        """Whether a service that answered 401 may take a new token."""
        return token is not self._token or service not in self._refused_by

    def check(self, service: str, token: Token) -> None:
        """Ask a service nothing that refused this token while others take it.

        Raises:
            LeftOutError: `unauthorized`; until the token is renewed.
        """
        if token is self._token and service in self._refused_by and self._taken_by - {service}:
            what = f"{service}: refuses (401) a new token that other services take; it is asked again with the next"
            raise LeftOutError(LeftOut.UNAUTHORIZED, what)

    def _is_newest(self, token: Token) -> bool:
        """Whether it is; of one that was not seen before nothing is known."""
        if self._token is None or token.began > self._token.began:
            self._token, self._refused_by, self._taken_by = token, set(), set()
        return token is self._token
