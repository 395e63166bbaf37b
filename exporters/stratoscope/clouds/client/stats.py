"""What was spent on a cloud: requests, seconds, bytes, retries, log-ins. It lives in the loop's thread."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

Call = tuple[str, str]
"""Service and operation."""
Ended = tuple[str, str, str]
"""Service, operation and code."""


@dataclass(frozen=True, slots=True)
class Spent:
    """An immutable copy of the account.

    Attributes:
        requests: By service, operation and code: the HTTP status, or `timeout`, `connection`, `malformed`,
            `cancelled`.
        seconds: What they took, likewise.
        size: Bytes of the bodies, unpacked, likewise.
        retries: Requests that were made again, by the code that was the reason.
        waited_s: How long requests waited for their turn, together.
        logins: By result; empty where one does not log in.
        token_expires: Unix seconds.
    """

    requests: Mapping[Ended, int]
    seconds: Mapping[Ended, float]
    size: Mapping[Ended, int]
    retries: Mapping[Ended, int]
    waited_s: float
    in_flight: int
    logins: Mapping[str, int]
    token_expires: float | None


class RequestStats:
    """Counts since the session was opened.

    Attributes:
        token_expires: Unix seconds; None without a token.
    """

    def __init__(self) -> None:
        self.waited_s = 0.0
        self.in_flight = 0
        self.logins: Counter[str] = Counter()
        self.token_expires: float | None = None
        self._requests: Counter[Ended] = Counter()
        self._retries: Counter[Ended] = Counter()
        self._seconds: defaultdict[Ended, float] = defaultdict(float)
        self._size: Counter[Ended] = Counter()

    def request(self, call: Call, code: str, *, seconds: float, size: int) -> None:
        """One request has ended, however it did."""
        self._requests[*call, code] += 1
        self._seconds[*call, code] += seconds
        self._size[*call, code] += size

    def retry(self, call: Call, code: str) -> None:
        """A request is made again, since the last one ended with this code."""
        self._retries[*call, code] += 1

    def spent(self) -> Spent:
        return Spent(
            dict(self._requests),
            dict(self._seconds),
            dict(self._size),
            dict(self._retries),
            self.waited_s,
            self.in_flight,
            dict(self.logins),
            self.token_expires,
        )
