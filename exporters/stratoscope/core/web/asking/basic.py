"""Basic authentication: the users of the web configuration."""

from collections.abc import Callable, Mapping

from aiohttp import hdrs, web

from stratoscope.core.config import Secret
from stratoscope.core.web.asking.known import UNKNOWN, Known, Outcome, refused
from stratoscope.core.web.passwords import Credentials, Failures, Passwords


class Basic:
    """Reads and checks the user and password of a request."""

    def __init__(self, failures: Failures, monotonic: Callable[[], float]) -> None:
        self._failures, self._monotonic = failures, monotonic
        self._passwords: Passwords | None = None

    async def outcome(self, request: web.Request, users: Mapping[str, Secret]) -> Outcome:
        credentials = Credentials.parse(request.headers.get(hdrs.AUTHORIZATION, ""))
        if credentials is None or not users:
            return None
        if self._passwords is None:
            self._passwords = Passwords(monotonic=self._monotonic, failures=self._failures)
        verdict = await self._passwords.verdict(users, credentials, request.remote or "")
        if verdict.accepted:
            return Known(credentials.user)
        if verdict.retry_after_s:
            status, text = (
                (429, "too many failed log-ins") if verdict.too_many else (503, "busy with log-ins")
            )
            return refused(status, text, **{hdrs.RETRY_AFTER: str(verdict.retry_after_s)})
        return refused(UNKNOWN, "a wrong user or password")

    async def close(self) -> None:
        if self._passwords is not None:
            await self._passwords.close()
