"""What a cloud may be asked: so much at once, per second and per refresh; pauses after 429, 503; time-outs.

Every request of a cloud's session goes through its Budget, which counts it. It serves one event loop.
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from stratoscope.clouds.client.backoff import REFUSALS, Pauses
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.request import (
    ONCE,
    CallError,
    Method,
    OutcomeUnknownError,
    Response,
    SendRequest,
)
from stratoscope.clouds.client.stats import Call, RequestStats
from stratoscope.core.config import Duration
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason

_MARGIN_S: Final = 0.05
"""So much before the Runner gives a collection up a request ends by itself, and says what it waited for."""
_FAIR_S: Final = 1.0
"""A service is only taken to be silent if it had so long, or a whole time-out, for its answer."""

_REFUSED: Final = 429
_ENDS: Final = {429: Reason.BUSY, 503: Reason.UNAVAILABLE}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block `budget:` of a cloud.

    Attributes:
        concurrency: Requests at once; one service gets half of them, and the last quarter is kept for those
            that have none, so that services that hang leave the others room.
        requests_per_second: On average; one second's worth may be made at once.
        requests_per_refresh: Of one collection of one collector.
        timeout: Of one request.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    requests_per_second: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 20
    requests_per_refresh: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    timeout: Duration = Duration(30)


class Rate:
    """So many per second, evenly, after a burst of one second's worth; who waits is served in turn."""

    def __init__(self, per_second: float, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._apart_s = 1 / per_second
        self._burst_s = (max(1, math.floor(per_second)) - 1) / per_second
        self._next = -math.inf

    async def wait(self, until: float) -> None:
        """Wait for the next free moment and take it.

        Raises:
            TimeoutError: That moment is after `until` (on the monotonic clock); nothing is taken, nor waited
                for.
        """
        now = self._clock.monotonic()
        at = max(self._next, now - self._burst_s)
        if at > until:
            raise TimeoutError
        self._next = at + self._apart_s
        if at > now:
            await self._clock.sleep(at - now)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    service: str
    is_beside: bool
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """So many requests at once. It serves one event loop.

    A service may have half of the places; the last quarter is for services that have none. So one that hangs,
    or two, leave the others room. What goes beside its service's share takes any place that is free.
    """

    def __init__(self, number: int) -> None:
        self._number, self._share, self._kept = number, math.ceil(number / 2), number // 4
        self._taken: Counter[str] = Counter()
        self._beside = 0
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def one(self, service: str, *, is_beside: bool = False) -> AsyncIterator[None]:
        """A place, as soon as there is one. Args: is_beside: Not of the service's share."""
        waiting = _Waiting(service, is_beside)
        self._waiting.append(waiting)
        self._let_in()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            self._give_up(waiting)
            raise
        try:
            yield
        finally:
            self._give_back(waiting)

    def _let_in(self) -> None:
        """Give places to those who wait, in the order of coming."""
        for waiting in [*self._waiting]:
            if not waiting.turn.done() and self._is_free(waiting):
                self._count(waiting, 1)
                self._waiting.remove(waiting)
                waiting.turn.set_result(None)

    def _is_free(self, waiting: _Waiting) -> bool:
        own, free = self._taken[waiting.service], self._number - self._taken.total() - self._beside
        if waiting.is_beside or not own:
            return free > 0
        return own < self._share and free > self._kept

    def _count(self, waiting: _Waiting, by: int) -> None:
        if waiting.is_beside:
            self._beside += by
        else:
            self._taken[waiting.service] += by

    def _give_back(self, waiting: _Waiting) -> None:
        self._count(waiting, -1)
        self._let_in()

    def _give_up(self, waiting: _Waiting) -> None:
        """It was cancelled: while it waited, or when it had just been given a place."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        else:
            self._give_back(waiting)


class _Refresh:
    """Attributes: requests: How many the collection under way has made."""

    requests = 0


_REFRESH: ContextVar[_Refresh | None] = ContextVar("refresh", default=None)


class Budget:
    """One cloud's budget.

    Attributes:
        account: What was spent.
        limits: As configured.
    """

    def __init__(self, limits: Limits, clock: Clock = CLOCK) -> None:
        self.limits = limits
        self.stats = RequestStats()
        self._clock = clock
        self._pauses, self._rate = Pauses(clock), Rate(limits.requests_per_second, clock)
        self._places = Places(limits.concurrency)

    @contextmanager
    def refresh(self) -> Iterator[None]:
        """One collection: the requests made inside, and in tasks begun inside, are bounded together."""
        token = _REFRESH.set(_Refresh())
        try:
            yield
        finally:
            _REFRESH.reset(token)

    def paused(self) -> Mapping[str, float]:
        """When the pauses in force will end, as Unix seconds, by service."""
        return self._pauses.until()

    def refused(self, service: str, status: int, retry_after: str | None) -> None:
        """Let a service pause: it answered 429 or 503 to a request that `call` did not make."""
        self._pauses.refused(service, status, retry_after)

    async def call(
        self, service: str, operation: str, send: SendRequest, *, method: Method = "GET"
    ) -> Response:
        """The answer to a request, made when it is its turn; after 429 and 503 made again if time allows.

        One that is not to be made twice (see ONCE) is made again after 429 alone, which says that it was
        refused; its 503 is returned.

        Raises:
            OutcomeUnknownError: Such a request was not answered in time, or the connection was lost.
            CollectError: `timeout`; `busy` (429, no turn in time, or too many in this refresh); `unavailable`
                (503); and what `send` raises.
        """
        until = self._until()
        while True:
            self._charge(service, operation)
            async with self.turn(service, operation, until=until):
                began = self._clock.monotonic()
                try:
                    answer = await self._sent((service, operation), send, until)
                except CollectError as error:
                    if error.reason is Reason.TIMEOUT and self._is_fair(until - began):
                        self._pauses.hung(service)
                    if method in ONCE and _was_sent(error):
                        raise OutcomeUnknownError(error.reason, str(error)) from error
                    raise
            if answer.status not in REFUSALS:
                self._pauses.answered(service)
                return answer
            self._pauses.refused(service, answer.status, answer.headers.get("retry-after"))
            if method in ONCE and answer.status != _REFUSED:
                return answer
            if self._clock.monotonic() + self._pauses.left_s(service) >= until:
                raise self._paused(service)
            self.stats.retry((service, operation), str(answer.status))

    async def check(self, service: str, operation: str, send: SendRequest, timeout_s: float) -> Response:
        """The answer to a request made once, whatever it is, beside the service's share of requests at once.

        Raises:
            CollectError: As `call`, while the service pauses; `busy`, when there was no turn in time;
                `timeout`.
        """
        until = min(self._until(), self._clock.monotonic() + timeout_s)
        async with self.turn(service, operation, until=until, is_beside=True):
            until = min(self._until(), self._clock.monotonic() + timeout_s)
            return await self._sent((service, operation), send, until)

    @asynccontextmanager
    async def turn(
        self, service: str, operation: str, *, until: float | None = None, is_beside: bool = False
    ) -> AsyncIterator[None]:
        """A place among the requests at once, in the rate, when the service does not pause.

        Args:
            service: Whose requests are counted together.
            operation: For messages.
            until: When it is too late, on the monotonic clock.
            is_beside: It does not take from the service's share, nor wait for others after a pause.

        Raises:
            CollectError: `busy` or `unavailable`, at once, when the pause lasts longer; `busy`, when it is
                too late; `timeout`, when that is because the service does not answer.
        """
        began, until = self._clock.monotonic(), self._until() if until is None else until
        try:
            async with asyncio.timeout(max(0.0, until - began)):
                places = await self._admitted(service, until, is_beside=is_beside)
        except TimeoutError:
            raise self._no_turn(f"{service}: {operation}", service, until - began) from None
        finally:
            self.stats.waited_s += self._clock.monotonic() - began
        async with places:
            self.stats.in_flight += 1
            try:
                yield
            finally:
                self.stats.in_flight -= 1

    async def _admitted(self, service: str, until: float, *, is_beside: bool) -> AsyncExitStack:
        while self._clock.monotonic() < until:
            await self._outlast(service, until)
            async with AsyncExitStack() as stack:
                gate = None if is_beside else self._pauses.gate(service)
                if gate is not None:
                    await stack.enter_async_context(gate)
                await stack.enter_async_context(self._places.one(service, is_beside=is_beside))
                if self._is_changed(service, gate, is_beside=is_beside):
                    continue
                await self._rate.wait(until)
                if not self._is_changed(service, gate, is_beside=is_beside):
                    return stack.pop_all()
        raise TimeoutError

    def _is_changed(self, service: str, gate: asyncio.Lock | None, *, is_beside: bool) -> bool:
        """Whether a pause has begun while it waited, or others have found that one is over."""
        return bool(self._pauses.left_s(service)) or not (is_beside or self._pauses.gate(service) is gate)

    async def _outlast(self, service: str, until: float) -> None:
        while left_s := self._pauses.left_s(service):
            if self._clock.monotonic() + left_s >= until:
                raise self._paused(service)
            await self._clock.sleep(left_s)

    async def _sent(self, call: Call, send: SendRequest, until: float) -> Response:
        """The answer in time, counted, whatever becomes of it."""
        began = self._clock.monotonic()
        within_s = max(0.0, min(self.limits.timeout, until - began))
        code, size = "cancelled", 0
        try:
            async with asyncio.timeout(within_s):
                answer = await send()
            code, size = str(answer.status), len(answer.body)
        except TimeoutError as error:
            code = "timeout"
            what = f"{call[0]}: {call[1]}: no answer within {within_s:.3g} s"
            what += "" if self._is_fair(within_s) else ", which is what its collection had left"
            raise CollectError(Reason.TIMEOUT, what) from error
        except CallError as error:
            code = error.code
            raise
        finally:
            self.stats.request(call, code, seconds=self._clock.monotonic() - began, size=size)
        return answer

    def _until(self) -> float:
        """When a request made now is too late for the collection under way, on the monotonic clock."""
        deadline = DEADLINE.get(None)
        return self._clock.monotonic() + self.limits.timeout if deadline is None else deadline - _MARGIN_S

    def _is_fair(self, within_s: float) -> bool:
        """Whether a service that did not answer in so long is silent, or was asked just before an end."""
        return within_s >= min(self.limits.timeout, _FAIR_S)

    def _charge(self, service: str, operation: str) -> None:
        refresh, most = _REFRESH.get(), self.limits.requests_per_refresh
        if refresh is None:
            return
        if refresh.requests >= most:
            raise CollectError(Reason.BUSY, f"{service}: {operation}: more than requests_per_refresh, {most}")
        refresh.requests += 1

    def _no_turn(self, what: str, service: str, waited_s: float) -> CollectError:
        waited = f"{what}: no turn within {max(0.0, waited_s):.3g} s"
        if self._pauses.is_silent(service):
            return CollectError(
                Reason.TIMEOUT, f"{waited}: {service} does not answer, and is asked one at a time"
            )
        return CollectError(
            Reason.BUSY,
            f"{waited}: the budget is {self.limits.concurrency} requests at once, half of them for one"
            f" service, and {self.limits.requests_per_second:g} per second",
        )

    def _paused(self, service: str) -> CollectError:
        status = self._pauses.status(service)
        return CollectError(_ENDS[status], f"{service}: answered {status} and is left alone for a while")


def _was_sent(error: CollectError) -> bool:
    """Whether a request that failed may have reached the service."""
    return error.was_sent if isinstance(error, CallError) else error.reason is Reason.TIMEOUT
