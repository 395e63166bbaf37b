"""The budget of a cloud: requests at once, per second and per refresh; pauses after 429, 503; time-outs.

Every request of every session of the cloud goes through its Budget, which counts it. It serves one event
loop.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Annotated, Final

import msgspec

from stratoscope.clouds.client.backoff import REFUSALS, Backoff
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.clock_skew import ClockSkew
from stratoscope.clouds.client.request import ONCE, CallError, Method, Response, SendRequest
from stratoscope.clouds.client.stats import Call, RequestStats
from stratoscope.core.config import Duration
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason

_MARGIN_S: Final = 0.05
"""A request ends this long before the Runner's time-out, with an error that names what it waited for."""
_FAIR_S: Final = 1.0
"""A service counts as silent if it has not answered for this time, or for a complete time-out."""

_REFUSED: Final = 429
_REASONS: Final = {429: Reason.BUSY, 503: Reason.UNAVAILABLE}


class _Refresh:
    """A collection in progress. Attributes: requests: That it has made."""

    requests = 0


_REFRESH: ContextVar[_Refresh | None] = ContextVar("refresh", default=None)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block `budget:` of a cloud.

    Attributes:
        concurrency: Requests at once; one service gets half of them, and the last quarter is reserved
            for services without any, so that services that hang do not block the others.
        requests_per_second: On average; one second's worth may be sent at once.
        requests_per_refresh: Of one collection of one collector.
        timeout: Of one request.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    requests_per_second: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 20
    requests_per_refresh: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    timeout: Duration = Duration(30)


class Rate:
    """Limits the rate: evenly, after a burst of one second's worth; first come, first served."""

    def __init__(self, per_second: float, clock: Clock = CLOCK) -> None:
        self.per_second, self._clock = per_second, clock
        self._next = -math.inf

    def change(self, per_second: float) -> None:
        """Change the rate; requests that wait keep their time."""
        now = self._clock.monotonic()
        if self._next > now:
            self._next = now + (self._next - now) * self.per_second / per_second
        self.per_second = per_second

    async def wait(self, until: float) -> None:
        """Wait for the next free moment and take it.

        Raises:
            TimeoutError: That moment is after `until` (on the monotonic clock). Then nothing is taken, and
                there is no wait.
        """
        now = self._clock.monotonic()
        burst_s = (max(1, math.floor(self.per_second)) - 1) / self.per_second
        at = max(self._next, now - burst_s)
        if at > until:
            raise TimeoutError
        self._next = at + 1 / self.per_second
        if at > now:
            await self._clock.sleep(at - now)


class Places:
    """Limits requests at once. It serves one event loop.

    A service may have half of the places, or one while it is in doubt. The last quarter is for services
    without any, so that one or two services that hang do not block the others.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._taken: dict[asyncio.Future[None], Backoff] = {}
        self._waiting: dict[asyncio.Future[None], Backoff] = {}

    def change(self, number: int) -> None:
        """Change the number; requests that have a place keep it."""
        self.number = number
        self._let_in()

    @asynccontextmanager
    async def one(self, service: Backoff) -> AsyncIterator[None]:
        """A place, as soon as there is one for this service; first come, first served."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = service
        self._let_in()
        try:
            await turn
            yield
        finally:  # if it was cancelled, it waited, or had just been let in
            self._waiting.pop(turn, None)
            self._taken.pop(turn, None)
            self._let_in()

    def _let_in(self) -> None:
        for turn, service in [*self._waiting.items()]:
            if not turn.done() and self._is_free(service):
                self._taken[turn] = self._waiting.pop(turn)
                turn.set_result(None)

    def _is_free(self, service: Backoff) -> bool:
        own, free = [*self._taken.values()].count(service), self.number - len(self._taken)
        if not own:
            return free > 0
        share, reserved = math.ceil(self.number / 2), self.number // 4
        return not service.is_in_doubt and own < share and free > reserved


class Budget:
    """One cloud's budget, shared by all its sessions and credentials.

    Attributes:
        stats: What its requests cost.
        skew: Of its services' clocks.
    """

    def __init__(self, limits: Limits, clock: Clock = CLOCK) -> None:
        self._limits, self.clock = limits, clock
        self.stats, self.skew = RequestStats(), ClockSkew(clock)
        self._services: defaultdict[str, Backoff] = defaultdict(lambda: Backoff(clock))
        self._rate, self._places = Rate(limits.requests_per_second, clock), Places(limits.concurrency)

    @property
    def limits(self) -> Limits:
        """As configured; a change applies from the next request on."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits
        self._rate.change(limits.requests_per_second)
        self._places.change(limits.concurrency)

    @contextmanager
    def refresh(self) -> Iterator[None]:
        """Around one collection: bounds the requests made inside, and in tasks started inside, together."""
        token = _REFRESH.set(_Refresh())
        try:
            yield
        finally:
            _REFRESH.reset(token)

    @property
    def left_of_refresh(self) -> float:
        """Requests that the collection in progress may still make; infinite outside of one."""
        refresh = _REFRESH.get()
        return math.inf if refresh is None else max(0, self.limits.requests_per_refresh - refresh.requests)

    def paused(self) -> Mapping[str, float]:
        """The ends of the pauses in force, in Unix seconds, by service."""
        left = {name: service.left_s for name, service in self._services.items()}
        return {name: self.clock.now() + left_s for name, left_s in left.items() if left_s}

    def refused(self, service: str, status: int, retry_after: str | None) -> None:
        """Pause a service: it answered 429 or 503 to a request that `call` did not make."""
        self._services[service].refused(status, retry_after)

    async def call(
        self, service: str, operation: str, send: SendRequest, *, method: Method = "GET"
    ) -> Response:
        """The answer to a request. It is sent at its turn, and after 429 and 503 again if time allows.

        A request with a method of ONCE is repeated only after 429, since 429 means that it was not carried
        out; a 503 is returned.

        Raises:
            CollectError: `busy` (429, no turn in time, or too many in this refresh); `unavailable` (503);
                `timeout` as a CallError; and what `send` raises.
        """
        until, state = self._until(), self._services[service]
        while True:
            self._charge(service, operation)
            async with self.turn(service, operation, until=until):
                answer = await self._sent((service, operation), send, until, state)
            if answer.status not in REFUSALS or (method in ONCE and answer.status != _REFUSED):
                return answer
            if self.clock.monotonic() + state.left_s >= until:
                raise _paused(service, state)
            self.stats.retry((service, operation), str(answer.status))

    async def check(self, service: str, operation: str, send: SendRequest, timeout_s: float) -> Response:
        """The answer to a request that is sent once, outside the service's share of requests at once.

        Raises:
            CollectError: As `call`, while the service pauses; `busy` without a turn in time; `timeout`.
        """
        apart = Backoff(self.clock)
        until = min(self._until(), self.clock.monotonic() + timeout_s)
        async with self.turn(service, operation, until=until, apart=apart):
            until = min(self._until(), self.clock.monotonic() + timeout_s)
            return await self._sent((service, operation), send, until, apart)

    @asynccontextmanager
    async def turn(
        self, service: str, operation: str, *, until: float | None = None, apart: Backoff | None = None
    ) -> AsyncIterator[None]:
        """The turn of one request: it has a place, the rate allows it, and the service does not pause.

        Args:
            service: The service of the request.
            operation: For messages.
            until: The end of the wait, on the monotonic clock.
            apart: Use the share of this Backoff instead of the service's.

        Raises:
            CollectError: `busy` or `unavailable`, at once, if the pause ends after `until`. Without a turn by
                `until`: `timeout` if the service does not answer, else `busy`.
        """
        began, until = self.clock.monotonic(), self._until() if until is None else until
        try:
            async with asyncio.timeout(max(0.0, until - began)):
                place = await self._admitted(service, until, apart or self._services[service])
        except TimeoutError:
            raise self._no_turn(f"{service}: {operation}", service, until - began) from None
        finally:
            self.stats.waited_s += self.clock.monotonic() - began
        async with place:
            self.stats.in_flight += 1
            try:
                yield
            finally:
                self.stats.in_flight -= 1

    async def _admitted(self, service: str, until: float, share: Backoff) -> AsyncExitStack:
        state = self._services[service]
        while self.clock.monotonic() < until:
            while state.left_s:
                if state.until >= until:
                    raise _paused(service, state)
                await self.clock.sleep(state.left_s)
            async with AsyncExitStack() as place:
                await place.enter_async_context(self._places.one(share))
                if not state.left_s:  # else a pause has begun while it waited
                    await self._rate.wait(until)
                if not state.left_s:
                    return place.pop_all()
        raise TimeoutError

    async def _sent(self, call: Call, send: SendRequest, until: float, state: Backoff) -> Response:
        """The answer, if it comes in time; `state` and the statistics are updated in any case."""
        began = self.clock.monotonic()
        within_s = max(0.0, min(self.limits.timeout, until - began))
        code, size = "cancelled", 0
        try:
            async with asyncio.timeout(within_s):
                answer = await send()
            code, size = str(answer.status), len(answer.body)
        except TimeoutError as error:
            code = "timeout"
            is_fair = within_s >= min(self.limits.timeout, _FAIR_S)
            state.is_silent = state.is_silent or is_fair
            what = f"{call[0]}: {call[1]}: no answer within {within_s:.3g} s"
            what += "" if is_fair else ", which is what its collection had left"
            raise CallError(Reason.TIMEOUT, what, code) from error
        except CallError as error:
            code = error.code
            raise
        finally:
            self.stats.request(call, code, seconds=self.clock.monotonic() - began, size=size)
        state.answered(answer.status, answer.headers.get("retry-after"))
        return answer

    def _until(self) -> float:
        """By when a request must have ended for the collection in progress, on the monotonic clock."""
        deadline = DEADLINE.get(None)
        return self.clock.monotonic() + self.limits.timeout if deadline is None else deadline - _MARGIN_S

    def _charge(self, service: str, operation: str) -> None:
        refresh, most = _REFRESH.get(), self.limits.requests_per_refresh
        if refresh is None:
            return
        refresh.requests += 1
        if refresh.requests > most:
            raise CollectError(Reason.BUSY, f"{service}: {operation}: more than requests_per_refresh, {most}")

    def _no_turn(self, what: str, service: str, waited_s: float) -> CollectError:
        waited = f"{what}: no turn within {max(0.0, waited_s):.3g} s"
        if self._services[service].is_silent:
            return CollectError(
                Reason.TIMEOUT, f"{waited}: {service} does not answer, and gets one request at a time"
            )
        return CollectError(
            Reason.BUSY,
            f"{waited}: the budget is {self.limits.concurrency} requests at once, half of them for one"
            f" service, and {self.limits.requests_per_second:g} per second",
        )


def _paused(service: str, state: Backoff) -> CollectError:
    what = f"{service}: answered {state.status}; no request is sent for some time"
    return CallError(_REASONS[state.status], what, str(state.status), may_be_done=False)
