"""Checks a request for an exporter's route: who asks, and whether they may; then calls its handler."""

import hmac
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from stratoscope.core.web.asking import proxy
from stratoscope.core.web.asking.chain import Asking
from stratoscope.core.web.asking.guesses import hashed
from stratoscope.core.web.asking.known import refused
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.cross_site import is_cross_site
from stratoscope.core.web.forms import FormTokens
from stratoscope.core.web.pages import Pages
from stratoscope.core.web.routes import (
    AS_METRICS,
    LOGGED_IN,
    OPEN,
    TOKEN,
    Asker,
    NotOpenedError,
    OpenedParts,
    Request,
    Role,
    Route,
    UrlToken,
    Who,
    roles_of,
)
from stratoscope.core.web.service import Service

_Answer: TypeAlias = Callable[[web.Request, Guard, OpenedParts], Awaitable[web.StreamResponse]]
_IS_PRIVATE: Final = web.RequestKey("is_private", bool)
_CHANGES_NOTHING: Final = (hdrs.METH_GET, hdrs.METH_HEAD)


class Routes:
    """The routes of a service.

    Attributes:
        handlers: Handlers that check their requests themselves.
    """

    def __init__(self, service: Service, access: Access, pages: Pages) -> None:
        self._service, self._pages = service, pages
        self._roles = roles_of(service.routes)
        self._has_logged_in = any(route.who is LOGGED_IN for route in service.routes)
        self._asking = Asking(access, self._roles)
        self._tokens = FormTokens(access.monotonic)
        self.handlers: set[Handler] = set()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add all routes to the router.

        Raises:
            ValueError: Two have the same method and path, or paths that differ only in names of variables.
        """
        seen: set[tuple[str, str]] = set()
        for route in self._service.routes:
            if (route.method, route.shape) in seen:
                raise ValueError(f"{route.method} {route.path}: two routes")
            seen.add((route.method, route.shape))
            handler = self._handler(route)
            if route.who is not AS_METRICS:
                self.handlers.add(handler)
            router.add_route(route.method, route.path, handler)
            if route.method == hdrs.METH_GET:
                router.add_route(hdrs.METH_HEAD, route.path, handler)

    def guarded(self, page: Handler, *, changes: bool = False) -> Handler:
        """A page of core's, for those who have a role; unchanged if no route needs one.

        Args:
            changes: It is for `Guard.managers` alone.
        """
        if not self._roles:
            return page

        async def answer(http: web.Request, guard: Guard, opened: OpenedParts) -> web.StreamResponse:
            asker = await self._judged(self._may_see(guard, changes=changes), http, guard, opened)
            return asker if isinstance(asker, web.Response) else await page(http)

        handler = self._checked(answer, is_private=True)
        self.handlers.add(handler)
        return handler

    def _may_see(self, guard: Guard, *, changes: bool) -> Who:
        """Who may ask for a page of core's; where nobody has a role, all who can log in."""
        if not guard.access.gives_roles:
            return LOGGED_IN
        if changes:
            return Role(*(guard.managers or self._roles))
        return LOGGED_IN if self._has_logged_in else Role(*sorted(self._roles))

    @staticmethod
    async def prepare(http: web.Request, answer: web.StreamResponse) -> None:
        """Called for every answer before its head is sent, including raised ones and streams.

        No shared cache may store one asker's answer. A body that is written for a HEAD is dropped: a client
        would read it as the next answer of the connection.
        """
        if http.get(_IS_PRIVATE):
            answer.headers.setdefault(hdrs.CACHE_CONTROL, "private, no-cache")
        if http.method == hdrs.METH_HEAD:
            http.writer.length = 0

    def _handler(self, route: Route) -> Handler:
        async def answer(http: web.Request, guard: Guard, opened: OpenedParts) -> web.StreamResponse:
            asker = await self._judged(route.who, http, guard, opened)
            if isinstance(asker, web.Response):
                return asker
            http[_IS_PRIVATE] |= bool(asker.name)
            runners = self._service.parts.runners
            return await route.answer(Request(http, asker, opened, self._tokens, self._pages.html, runners))

        return self._checked(answer, is_private=route.who is not OPEN)

    def _checked(self, answer: _Answer, *, is_private: bool) -> Handler:
        """A handler that refuses what comes from a page of another site, or before what it needs is open."""

        async def handler(http: web.Request) -> web.StreamResponse:
            http[_IS_PRIVATE] = is_private
            guard = self._service.guard
            host = proxy.asked_host(http, guard.access.trusted_proxy)
            if http.method not in _CHANGES_NOTHING and is_cross_site(http.headers, host):
                return refused(403, "a page of another site may not request this")
            try:
                return await answer(http, guard, OpenedParts(self._service.parts.opened))
            except NotOpenedError as error:
                text = f"not ready: {error.args[0]} is not opened yet"
                return refused(503, text, **{hdrs.RETRY_AFTER: "1"})

        return handler

    async def _judged(
        self, who: Who, http: web.Request, guard: Guard, opened: OpenedParts
    ) -> Asker | web.Response:
        """Who asks; or the refusal."""
        if isinstance(who, UrlToken):
            return await self._with_token(who, http, opened)
        if who is AS_METRICS:  # it is judged by now, as core's own paths are
            return Asker()
        asker = await self._asking.asker(http, guard, opened)
        if who is OPEN:
            return Asker() if isinstance(asker, web.Response) else asker
        if isinstance(asker, Asker) and isinstance(who, Role) and asker.roles.isdisjoint(who.names):
            return refused(403, f"{asker.name} may not: it needs the role {' or '.join(who.names)}")
        return asker

    async def _with_token(
        self, who: UrlToken, http: web.Request, opened: OpenedParts
    ) -> Asker | web.Response:
        failures, address = self._asking.url_failures, http.remote or ""
        if _is_one_of(hashed(http.match_info[TOKEN]), await who.hashes(opened, http.match_info)):
            return Asker()
        if failures.are_too_many(address):
            return refused(429, "too many wrong tokens", **{hdrs.RETRY_AFTER: "1"})
        failures.add(address)
        return refused(404, "no such page, or its token is wrong")


def _is_one_of(sha256: str, right: Iterable[str]) -> bool:
    """Whether it is one of them; all are compared, so that the duration reveals nothing."""
    same = [hmac.compare_digest(sha256.encode(), one.lower().encode()) for one in right]
    return any(same)
