"""The token of a credential, for all services: one log-in at a time, renewed before it expires, not too
often.

After a refusal the credential is not sent again for 5 minutes, then 10, 20, 40 and from then on 60: every
attempt counts towards locking the account. While a token is valid, no answer of Keystone is needed.
"""

import asyncio
import logging
from contextvars import Context
from typing import Final

from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.openstack.client.keystone import BusyError, Granted, Keystone, Opened, RefusedError
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason, SharedError
from stratoscope.core.singleflight import SingleFlight, consume_exception
from stratoscope.core.threads import BlockingCalls

log = logging.getLogger(__name__)

SERVICE: Final = "identity"
OPERATION: Final = "auth_tokens"
REFUSED_FOR_S: Final = (300.0, 600.0, 1200.0, 2400.0, 3600.0)
"""Seconds without an attempt after a refusal: the first, the second in a row, ..., and all later ones."""
FAILED_FOR_S: Final = 5.0
"""Seconds without an attempt after any other failure."""

GAP_S: Final = 30.0
"""For this time after a log-in, an expiring token is not renewed; one that a service refused is."""

_EARLY_S: Final = 300.0
"""A token is renewed this long before its end, or after three quarters of its lifetime."""
_LAST_S: Final = 5.0
"""A token with less time left is not used: a request could arrive too late."""
_FAIR_S: Final = 1.0
"""A log-in is reported as slow only after this time, or after a complete time-out."""
_PATIENCE: Final = 4
"""A log-in is abandoned after this many time-outs of a request: it may need several requests, and answers may
be slow."""
_THREADS: Final = 2
_MARGIN_S: Final = 0.1
"""A collection stops waiting this long before the Runner's time-out, so that a hung log-in is reported
once."""


class Token:
    """A token in use.

    Attributes:
        began, ends: By the monotonic clock, so that a wrong clock of the machine does not matter.
    """

    def __init__(self, granted: Granted, now: float) -> None:
        self.granted, self.began, self.ends = granted, now, now + granted.lives_s
        self.early_s = min(_EARLY_S, granted.lives_s / 4)


class Login:
    """The log-in of one credential of a cloud.

    Attributes:
        skew: Of the services' clocks; Keystone's by the moments at which it issued tokens.
    """

    def __init__(self, config: OpenStackCloud, budget: Budget) -> None:
        self._cloud, self._os_cloud = config.name, config.os_cloud
        self._budget, self._clock = budget, budget.clock
        self._keystone = Keystone(config)
        self._calls = BlockingCalls(f"{config.name}: Keystone", _THREADS)
        self._token: Token | None = None
        self._flight: SingleFlight[str, Token] = SingleFlight()
        self._failure: tuple[float, CollectError] | None = None
        self._refusals = 0
        self._logged: Reason | None = None
        self.skew = budget.skew
        budget.stats.logins.update(dict.fromkeys(("ok", "refused", "failed"), 0))

    @property
    def last(self) -> Token | None:
        """The last token, valid or not."""
        return self._token

    @property
    def opened(self) -> Opened | None:
        """The configuration in clouds.yaml; None before the first attempt to log in."""
        return self._keystone.opened

    async def token(self) -> Token:
        """The token in use; a new one if there is none. Raises CollectError; after a failure for some time
        without a request.
        """
        token, now = self._token, self._clock.monotonic()
        if token is None:
            return await self._another()
        left_s = token.ends - now
        if now - token.began < GAP_S:
            self._check(token, left_s)
            return token
        if left_s <= _LAST_S:
            return await self._another()
        if left_s <= token.early_s and self._failed() is None:
            self._begin()
        return token

    def _check(self, token: Token, left_s: float) -> None:
        """Reject a token that has already expired."""
        if left_s > 0:
            return
        lives_s = max(0.0, token.granted.lives_s)
        what = f"tokens expire {lives_s:.3g} s after the log-in, and the next is made after {GAP_S:g} s"
        error = CollectError(Reason.UNAVAILABLE, f"{SERVICE}: {what}")
        self._log(error)
        _raise(error)

    async def another(self, refused: Token) -> Token:
        """A token other than the one that a service refused. Raises CollectError as `token`."""
        token = self._token
        if token is not None and token is not refused:
            return token  # somebody else has found out
        return await self._another()

    async def anew(self) -> Token:
        """A token of a log-in made now; it replaces the one in use. One that is under way is joined.

        Raises CollectError as `token`: while a refusal stands, nothing is sent. The token in use stays in use
        if no new one is granted.
        """
        return await self._another()

    async def close(self) -> None:
        """End the log-in in progress."""
        await self._flight.close()
        self._budget.stats.token_expires.pop(self._os_cloud, None)
        self._calls.close()
        self._keystone.close()

    async def _another(self) -> Token:
        _raise(self._failed())
        task = self._begin()
        deadline = DEADLINE.get(None)
        within_s = None if deadline is None else max(0.0, deadline - _MARGIN_S - self._clock.monotonic())
        done, _ = await asyncio.wait({task}, timeout=within_s)
        if not done:
            error = CollectError(Reason.TIMEOUT, f"{SERVICE}: no log-in within {within_s:.3g} s")
            if self._logged is None and (within_s or 0.0) >= min(self._budget.limits.timeout, _FAIR_S):
                self._log(error)  # else its end has been, or will be, said
            _raise(error)
        if task.cancelled():
            raise CollectError(Reason.UNAVAILABLE, f"{SERVICE}: closed")
        _raise(task.exception())
        return task.result()

    def _begin(self) -> "asyncio.Future[Token]":
        """The log-in in progress, or a new one; independent of the deadline of the first caller."""
        return self._flight.call(
            OPERATION, lambda: asyncio.create_task(self._log_in(), name="log in", context=Context())
        )

    def _failed(self) -> CollectError | None:
        """The last failure, while no new attempt is allowed."""
        if self._failure is not None and self._clock.monotonic() >= self._failure[0]:
            self._failure = None
        return None if self._failure is None else self._failure[1]

    async def _log_in(self) -> Token:
        account = self._budget.stats
        try:
            async with self._budget.turn(SERVICE, OPERATION):
                granted = await self._ask()
        except CollectError as error:
            account.logins["refused" if isinstance(error, RefusedError) else "failed"] += 1
            self._failure = self._clock.monotonic() + self._stands_s(error), error
            self._log(error)
            if isinstance(error, BusyError):
                self._budget.refused(SERVICE, error.status, error.retry_after)
            raise
        account.logins["ok"] += 1
        account.token_expires[self._os_cloud] = granted.expires
        if granted.lives_s >= GAP_S:  # else it is no end of the trouble
            if self._logged is not None:
                log.info("logged in again cloud=%s os_cloud=%s", self._cloud, self._os_cloud)
            self._logged = None
        self._failure, self._refusals = None, 0
        self._token = Token(granted, self._clock.monotonic())
        return self._token

    def _stands_s(self, error: CollectError) -> float:
        """Seconds until the next attempt."""
        if not isinstance(error, RefusedError):
            return FAILED_FOR_S
        self._refusals += 1
        return REFUSED_FOR_S[min(self._refusals, len(REFUSED_FOR_S)) - 1]

    def _log(self, error: CollectError) -> None:
        """Log one line for all collectors that wait for this log-in, when the outcome changes."""
        level = logging.DEBUG if self._logged is error.reason else logging.ERROR
        message = "log-in failed cloud=%s reason=%s error=%r os_cloud=%s"
        log.log(level, message, self._cloud, error.reason, str(error), self._os_cloud)
        self._logged = error.reason

    async def _ask(self) -> Granted:
        within_s = _PATIENCE * self._budget.limits.timeout
        wire = self._keystone.wire
        wire.begin()
        try:
            future = self._calls.start(self._keystone.log_in, float(self._budget.limits.timeout))
            future.add_done_callback(consume_exception)
            done, _ = await asyncio.wait({future}, timeout=within_s)
            if not done:
                wire.cut()
                raise CollectError(Reason.TIMEOUT, f"{SERVICE}: no log-in within {within_s:.3g} s")
            granted = future.result()
            now = self._clock.now()  # the last request is the one for the token
            self.skew.note(SERVICE, granted.expires - granted.lives_s, now - wire.sent[-1].seconds, now)
            return granted
        finally:
            while wire.sent:
                sent = wire.sent.popleft()
                self._budget.stats.request(
                    (SERVICE, OPERATION), sent.code, seconds=sent.seconds, size=sent.size
                )


def _raise(failure: BaseException | None) -> None:
    """Raise a failure that was logged: each of several waiting callers gets its own exception."""
    if isinstance(failure, CollectError):
        raise SharedError(failure.reason, str(failure)) from failure
