"""Who asks: by a trusted proxy's header, a bearer token or a password; else this machine, or nobody."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from aiohttp import hdrs, web

from stratoscope.core.web.asking import proxy
from stratoscope.core.web.asking.bearer import Bearer
from stratoscope.core.web.asking.guesses import Guesses
from stratoscope.core.web.asking.known import UNKNOWN, Known, refused
from stratoscope.core.web.asking.peer import why_not_local
from stratoscope.core.web.asking.settings import HOW_TO, Guard
from stratoscope.core.web.auth import BASIC, Access
from stratoscope.core.web.passwords import Failures
from stratoscope.core.web.routes import Asker

LOOPBACK: Final = "loopback"
"""The name of a client on this machine, if no log-in is configured."""
_BEARER: Final = 'Bearer realm="stratoscope"'


class Asking:
    """The authenticators, and what they share.

    Attributes:
        url_failures: Counts wrong tokens in URLs: a reader with an old address locks nobody out who logs in.
    """

    def __init__(self, access: Access, roles: Collection[str]) -> None:
        """Args: roles: All roles of routes; a client on this machine has them if nobody can log in."""
        self.url_failures = Failures(access.monotonic)
        self._access, self._roles = access, frozenset(roles)
        self._bearer = Bearer(Guesses(access.failures), access.now)

    async def asker(
        self, request: web.Request, guard: Guard, opened: Mapping[str, Any]
    ) -> Asker | web.Response:
        """Who asks; or the refusal."""
        outcome = (
            proxy.outcome(request, guard.access.trusted_proxy)
            or await self._bearer.outcome(request, guard, opened)
            or await self._access.user(request)
        )
        if isinstance(outcome, Known):
            return Asker(outcome.name, guard.access.roles_of(outcome))
        if outcome is not None:
            return self._challenged(outcome, guard)
        if guard.can_log_in(self._access.in_force.users):
            return self._challenged(refused(UNKNOWN, "a log-in is needed"), guard)
        if guard.published:
            text = f"nothing is configured to log in with, and {guard.published} is set: {HOW_TO}"
            return self._challenged(refused(UNKNOWN, text), guard)
        why = why_not_local(request)
        if why is None:
            return Asker(LOOPBACK, self._roles)
        text = f"nothing is configured to log in with, so only this machine's own clients are let in: {why}"
        return self._challenged(refused(UNKNOWN, text), guard)

    def _challenged(self, answer: web.Response, guard: Guard) -> web.Response:
        """The refusal with the schemes that a client can log in with; 403 if there is none."""
        if answer.status == UNKNOWN:
            challenges = [BASIC] if self._access.in_force.users else []
            challenges += [_BEARER] if guard.takes_tokens else []
            for challenge in challenges:
                answer.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
            if not challenges:
                answer.set_status(403)
        return answer
