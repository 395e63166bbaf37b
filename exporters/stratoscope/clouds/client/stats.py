"""Counts of requests to one cloud: number, seconds, bytes, retries, log-ins. For one event loop."""

from collections import Counter, defaultdict
from copy import copy
from dataclasses import dataclass, field

Call = tuple[str, str]
"""Service and operation."""
Ended = tuple[str, str, str]
"""Service, operation and code: the HTTP status, or `timeout`, `connection`, `malformed`, `cancelled`."""


@dataclass
class RequestStats:
    """Counts since the cloud was opened, over all its sessions.

    Attributes:
        requests: Requests that ended, by code.
        seconds: Sum of their durations, without the wait for their turn.
        size: Bytes of the bodies of answers, after decompression.
        retries: Requests that were repeated, by the code of the answer before.
        waited_s: Sum of the seconds that requests waited for their turn.
        in_flight: Requests in progress.
        logins: Log-ins by result; empty for a kind without log-ins.
        token_expires: Unix seconds, by credential; empty without a token.
    """

    requests: Counter[Ended] = field(default_factory=Counter)
    seconds: defaultdict[Ended, float] = field(default_factory=lambda: defaultdict(float))
    size: Counter[Ended] = field(default_factory=Counter)
    retries: Counter[Ended] = field(default_factory=Counter)
    waited_s: float = 0.0
    in_flight: int = 0
    logins: Counter[str] = field(default_factory=Counter)
    token_expires: dict[str, float] = field(default_factory=dict)

    def request(self, call: Call, code: str, *, seconds: float, size: int) -> None:
        """Count a request that has ended, with or without an answer."""
        self.requests[*call, code] += 1
        self.seconds[*call, code] += seconds
        self.size[*call, code] += size

    def retry(self, call: Call, code: str) -> None:
        """Count a request that is repeated because the one before ended with this code."""
        self.retries[*call, code] += 1

    def spent(self) -> "RequestStats":
        """A copy; later requests do not change it."""
        return RequestStats(**{name: copy(value) for name, value in vars(self).items()})
