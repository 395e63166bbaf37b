"""Calls to one oned: with the credential, in the budget, through the proxy of the environment."""

import asyncio
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from stratoscope.clouds.checks import is_verdict
from stratoscope.clouds.client.clock_skew import second_of
from stratoscope.clouds.client.confidence import Confidence
from stratoscope.clouds.client.files import context
from stratoscope.clouds.client.http import LARGEST, Http
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.client.proxies import Proxy, checked
from stratoscope.clouds.client.request import CallError, Method, Response, outcome
from stratoscope.clouds.opennebula.client import errors
from stratoscope.clouds.opennebula.client.envelope import Answer, answer, call
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.errors import CollectError, LeftOutError, Reason, again

SERVICE: Final = "oned"
"""The label `service` of its requests, and of its endpoint."""
WHOLE: Final = 4 * LARGEST
"""Limit on the body of a pool that oned does not give page by page: some 3,000 hosts."""

_UNKNOWN: Final = "stratoscope.check"
"""A method that no oned has: its fault -506 shows that XML-RPC is spoken, and it looks for no user."""
_HEADERS: Final = {"Content-Type": "text/xml", "Accept": "text/xml"}
_LARGE: Final = 1 << 18
"""Size in bytes from which a body is decoded in a thread."""
_REFUSED_FOR_S: Final = 300.0
"""So long after a refused password no call is sent: oned's drivers may lock who tries again and again."""


class _Way(NamedTuple):
    """How a call is sent, by HTTP's POST.

    Attributes:
        method: For the budget: `GET` if it may be repeated after a failure, `POST` if it is sent once.
        is_own: It goes to the configured endpoint: if that refuses the password, no call is sent for a time.
    """

    url: URL
    http: Http
    method: Method
    is_own: bool = True


class Oned:
    """One zone's oned.

    Attributes:
        budget: The cloud's.
        url: Of its XML-RPC.
    """

    def __init__(self, config: Found, budget: Budget) -> None:
        self.budget, self.url = budget, config.url
        self._session, self._config = config.session, config
        session = config.session.reveal()
        self._hidden = Confidence((session, session.partition(":")[2]))
        self._refused: tuple[float, CollectError | LeftOutError] | None = None
        self._pages: Http | None = None
        self._pools: Http | None = None
        self._is_accepted = False
        budget.stats.logins.update(dict.fromkeys(("ok", "refused"), 0))
        self._actions: Http | None = None

    async def call(
        self, method: str, *params: str | int | bool, is_page: bool = False, url: URL | None = None
    ) -> str:
        """What oned answers to `one.METHOD`, in most cases XML. It must change nothing: it may be repeated.

        Args:
            is_page: Whether a smaller one may be asked for, so that its body is bounded more tightly.
            url: Of another server of the same zone.

        Raises:
            CollectError, LeftOutError: As errors.py says, or no usable answer; TooLargeError.
        """
        # It is a POST, and changes nothing: so it may be sent again after a 503, as a GET is.
        way = _Way(url or self.url, self._http(is_page=is_page), "GET", is_own=url is None)
        return await self._answer(method, params, way)

    async def act(self, method: str, *params: str | int | bool) -> str:
        """What oned answers to a call that changes something: it is sent once.

        Raises:
            CollectError, LeftOutError: As `call`; OutcomeUnknownError if it may have been carried out.
        """
        if self._actions is None:
            self._actions = Http(self._config.name, context(self._config))
        with outcome("POST"):
            return await self._answer(method, params, _Way(self.url, self._actions, "POST"))

    async def look(self, operation: str, url: URL, timeout_s: float) -> tuple[int, float]:
        """The status of a call without a credential, which no oned knows, and the seconds it took.

        Raises:
            CollectError: As Budget.check; `malformed` if what answers does not speak XML-RPC.
        """
        clock, began, body = self.budget.clock, 0.0, call(_UNKNOWN)

        async def send() -> Response:
            nonlocal began
            began = clock.monotonic()
            return await self._http(is_page=True).request("POST", url, _HEADERS, proxy(url), body)

        response = await self.budget.check(SERVICE, operation, send, timeout_s)
        took_s = clock.monotonic() - began
        if not is_verdict(response.status):
            self._decoded(f"{SERVICE}: {operation}", response)
        return response.status, took_s

    async def close(self) -> None:
        for http in (self._pages, self._pools, self._actions):
            if http is not None:
                await http.close()

    async def _answer(self, method: str, params: tuple[str | int | bool, ...], way: _Way) -> str:
        self._check()
        what, body = f"{SERVICE}: {method}", call(f"one.{method}", self._session.reveal(), *params)
        response = await self._send(method, body, way)
        is_large = len(response.body) > _LARGE
        decoded = self._decoded
        found = await asyncio.to_thread(decoded, what, response) if is_large else decoded(what, response)
        if not found.is_ok:
            raise self._failure(what, found, is_own=way.is_own)
        self._count_accepted()
        return found.value

    def _decoded(self, what: str, response: Response) -> Answer:
        if response.status != HTTPStatus.OK:
            raise errors.of_status(what, response, self._hidden)
        try:
            return answer(response.body)
        except (ValueError, KeyError, IndexError) as error:
            text = self._hidden.text(str(error))
            raise CallError(Reason.MALFORMED, f"{what}: {text}", "malformed") from None  # it cites the answer

    async def _send(self, method: str, body: bytes, way: _Way) -> Response:
        async def send() -> Response:
            clock, sent = self.budget.clock, self.budget.clock.now()
            response = await way.http.request("POST", way.url, _HEADERS, proxy(way.url), body)
            second = second_of(response.headers.get("date"))
            if second is not None and way.is_own:
                self.budget.skew.note(SERVICE, second, sent, clock.now())
            return response

        return await self.budget.call(SERVICE, method, send, method=way.method)

    def _http(self, *, is_page: bool) -> Http:
        if self._pages is None or self._pools is None:
            name, tls = self._config.name, context(self._config)
            self._pages = Http(name, tls, largest=LARGEST, once=())
            self._pools = Http(name, tls, largest=WHOLE, once=())
        return self._pages if is_page else self._pools

    def _check(self) -> None:
        """Raise the refusal of the password again, for some time."""
        if self._refused is None:
            return
        since, error = self._refused
        if self.budget.clock.monotonic() - since < _REFUSED_FOR_S:
            raise again(error)
        self._refused = None

    def _count_accepted(self) -> None:
        """Each call bears the password: the first that is accepted, or is so again, counts as a log-in."""
        if not self._is_accepted:
            self._is_accepted = True
            self.budget.stats.logins["ok"] += 1

    def _failure(self, what: str, found: Answer, *, is_own: bool) -> CollectError | LeftOutError:
        """The exception for an answer; its text may cite what was sent."""
        error = errors.error(what, found.code, self._hidden.text(found.value))
        if found.code != errors.AUTHENTICATION or not is_own:
            return error
        if self._refused is None:
            self._refused = self.budget.clock.monotonic(), error
        self._is_accepted = False
        self.budget.stats.logins["refused"] += 1
        return again(
            self._refused[1]
        )  # what was under way with it has the same words, and is one line in the log


def proxy(url: URL) -> Proxy | None:
    """The proxy for a URL from the environment; None without one. Raises CollectError if it is none."""
    proxies = getproxies()
    if proxy_bypass(url.host or ""):
        return None
    return checked(proxies.get(url.scheme) or proxies.get("all"))
