"""Requests to services of one region: with the token in use, at the catalogue's endpoint, in the budget."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from yarl import URL

from stratoscope.clouds.checks import is_verdict
from stratoscope.clouds.client.clock_skew import second_of
from stratoscope.clouds.client.confidence import Confidence
from stratoscope.clouds.client.http import LARGEST, Http
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.client.proxies import Proxy
from stratoscope.clouds.client.request import CallError, Method, Response
from stratoscope.clouds.openstack.client import http_errors
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.catalogue import Endpoint
from stratoscope.clouds.openstack.client.listing import Query, pairs
from stratoscope.clouds.openstack.client.login import SERVICE, Login, Token
from stratoscope.clouds.openstack.client.tls import proxy
from stratoscope.clouds.openstack.client.tokens import Tokens
from stratoscope.clouds.openstack.client.versions import Versions, is_from
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

_WHOLE: Final = frozenset({200, 203})
"""Statuses of complete answers; 206 is a part."""
_DONE: Final = _WHOLE | {201, 202, 204}
"""Statuses of a successful request that changes something."""
_PASSED_ON: Final = b"experiencing an unauthorized exception"
"""Nova's text if it accepted a cached token, and Neutron, to which it sent it, did not."""
_FOR_A_LOGIN_S: Final = 10.0


class Ask(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        path: Below the service's endpoint; None for its version document.
        version, oldest: As of Listing.
        body: JSON; none if it is empty.
    """

    service: str
    operation: str
    path: str | None
    query: Query = ()
    version: str = ""
    headers: Mapping[str, str] = {}
    oldest: str = ""
    method: Method = "GET"
    body: bytes = b""

    @property
    def call(self) -> tuple[str, str]:
        return self.service, self.operation

    def __str__(self) -> str:
        return f"{self.service}: {self.operation}"


class Client:
    """One region, requested with one credential.

    Attributes:
        budget: The cloud's, shared by its credentials.
        skew: Of its services' clocks.
    """

    def __init__(self, config: OpenStackCloud, budget: Budget) -> None:
        self.budget, clock = budget, budget.clock
        self._name = config.name
        self._clock = clock
        self._login = Login(config, budget)
        self.skew = self._login.skew
        self._versions = Versions(clock)
        self._http: Http | None = None
        self._tokens = Tokens(clock)

    async def access(self) -> Access:
        """The facts of the token. Raises CollectError if there is no token."""
        return (await self._login.token()).granted.access

    async def log_in(self) -> Access:
        """What a new token says, though the one in use may be valid. Raises as Login.anew."""
        return (await self._login.anew()).granted.access

    async def send(self, ask: Ask) -> bytes:
        """The body of a complete answer. Raises as `answer`."""
        return (await self.answer(ask)).body

    async def answer(self, ask: Ask) -> Response:
        """A complete answer; requested again if a service refuses the token. Raises as Api."""
        token = await self._login.token()
        self._tokens.check(ask.call, token)
        answer = await self._answer(ask, token)
        if is_fresh := _is_refused(answer) and self._tokens.is_worth_another(ask.call, token):
            token = await self._login.another(token)
            self.budget.stats.retry(ask.call, str(HTTPStatus.UNAUTHORIZED.value))
            answer = await self._answer(ask, token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.refused(ask.call, token, is_fresh=is_fresh)
            self._tokens.check(ask.call, token)
        elif ask.path is not None and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._tokens.taken(ask.call, token)
        good = _WHOLE if ask.method == "GET" else _DONE
        if answer.status in good or (ask.path is None and answer.status == HTTPStatus.MULTIPLE_CHOICES):
            return answer
        if answer.status == HTTPStatus.NOT_ACCEPTABLE:
            self._versions.forget(ask.service)
        raise http_errors.error(str(ask), answer)

    async def knows(self, service: str, version: str) -> bool:
        """Whether a service supports this microversion. Raises as Versions.known."""
        known = await self._versions.known(service, version, self._document(service))
        return known.reaches(version)

    async def require(self, service: str, version: str) -> None:
        """Reject a service that does not support this microversion. Raises CollectError, LeftOutError."""
        known = await self._versions.known(service, version, self._document(service))
        known.require(service, version)

    async def places(self) -> Mapping[str, Endpoint]:
        """The known endpoints: those of the last token, else Keystone's only. Raises CollectError.

        Without those that need a project's token, if the token has no project.
        """
        if self._login.last is None:
            try:
                async with asyncio.timeout(at_most_s(_FOR_A_LOGIN_S)):
                    await self._login.token()
            except (CollectError, TimeoutError):
                if self._login.opened is None:
                    raise
                return {SERVICE: self._login.opened.place}
        assert self._login.last is not None  # noqa: S101 - a token was got
        places = self._login.last.granted.endpoints
        return {service: place for service, place in places.items() if not place.is_of_project}

    async def check(
        self, service: str, place: Endpoint, operation: str, timeout_s: float
    ) -> tuple[int, float]:
        """The status of a service's list of versions, and the seconds it took.

        A gateway may pass on the version of the catalogue alone: that is asked where the list is not the
        service's.

        Raises:
            CollectError: As Budget.check; `malformed` if what answers is not the service.
        """
        if place.fault:
            raise CollectError(Reason.UNAVAILABLE, f"{service}: {place.fault}")
        took_s = 0.0

        async def answered(url: URL, proxy: Proxy | None) -> Response:
            async def send() -> Response:
                nonlocal took_s
                began = self._clock.monotonic()
                answer = await self._opened().request("GET", url, {}, proxy)
                took_s += self._clock.monotonic() - began
                return answer

            return await self.budget.check(service, operation, send, timeout_s)

        for one in dict.fromkeys((place.root, place.versioned or place.root)):
            url, took_s = URL(one), 0.0
            answer = await answered(url, place.proxy)
            if target := http_errors.redirect_target(url, answer):
                answer = await answered(target, proxy(str(target)))
            if is_verdict(answer.status) or is_from(service, answer):
                return answer.status, took_s
        raise CollectError(Reason.MALFORMED, f"{service}: {operation}: another server answers")

    async def close(self) -> None:
        await self._login.close()
        if self._http is not None:
            await self._http.close()

    async def _answer(self, ask: Ask, token: Token) -> Response:
        place = token.granted.endpoints.get(ask.service)
        if place is None:
            raise LeftOutError(LeftOut.ABSENT, f"{ask.service}: not in the catalogue of this region")
        if place.is_of_project:
            what = f"{place.fault}, and this token is for {token.granted.access.scope}"
            raise LeftOutError(LeftOut.UNAUTHORIZED, f"{ask.service}: {what}")
        if place.fault:
            raise CollectError(Reason.UNAVAILABLE, f"{ask.service}: {place.fault}")
        path = place.document if ask.path is None else place.url + ask.path
        url = URL(path).with_query(pairs(ask.query))
        headers = {"X-Auth-Token": token.granted.token.reveal(), "Accept": "application/json", **ask.headers}
        if ask.body:
            headers["Content-Type"] = "application/json"
        headers |= await self._versions.headers(
            ask.service, ask.version, self._document(ask.service), oldest=ask.oldest
        )

        async def answered(url: URL, proxy: Proxy | None) -> Response:
            async def send() -> Response:
                sent = self._clock.now()
                answer = await self._opened().request(ask.method, url, headers, proxy, ask.body)
                if (second := second_of(answer.headers.get("date"))) is not None:
                    self.skew.note(ask.service, second, sent, self._clock.now())
                return answer

            return await self.budget.call(*ask.call, send, method=ask.method)

        answer = await answered(url, place.proxy)
        if target := http_errors.redirect_target(url, answer, ask.method):
            answer = await answered(target, proxy(str(target)))
        return _without(token, answer) if answer.status > HTTPStatus.MULTIPLE_CHOICES else answer

    def _document(self, service: str) -> Callable[[], Awaitable[bytes]]:
        """Requests a service's version document; its failure is no failure of the request that needs it."""

        async def ask() -> bytes:
            try:
                return await self.send(Ask(service, "versions", None))
            except CallError as error:
                raise CollectError(error.reason, str(error)) from error

        return ask

    def _opened(self) -> Http:
        if self._http is None:
            assert self._login.opened is not None  # noqa: S101 - nothing is asked before a log-in
            tls = self._login.opened.tls
            self._http = Http(self._name, tls, largest=LARGEST)
        return self._http


def _without(token: Token, answer: Response) -> Response:
    """An answer without secrets, so that its text may be shown: it may cite the token."""
    hidden = Confidence([token.granted.token.reveal()])
    headers = {name: hidden.text(value) for name, value in answer.headers.items()}
    return Response(answer.status, hidden.body(answer.body), headers, answer.through)


def _is_refused(answer: Response) -> bool:
    """Whether a service behind the endpoint refuses the token."""
    passed_on = answer.status == HTTPStatus.BAD_REQUEST and _PASSED_ON in answer.body
    return passed_on or answer.status == HTTPStatus.UNAUTHORIZED
