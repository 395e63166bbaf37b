"""What was spent on a cloud: requests, seconds, bytes, retries, log-ins. It lives in the loop's thread."""

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
        requests: How many ended with each code.
        seconds: How long they took, without their wait.
        size: Bytes of the bodies, unpacked.
        retries: Requests that were made again, by the code that was the reason.
        waited_s: How long requests waited for their turn, together.
        in_flight: Requests in progress.
        logins: By result; empty where one does not log in.
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
        """One request has ended, however it did."""
        self.requests[*call, code] += 1
        self.seconds[*call, code] += seconds
        self.size[*call, code] += size

    def retry(self, call: Call, code: str) -> None:
        """A request is made again, since the last one ended with this code."""
        self.retries[*call, code] += 1

    def spent(self) -> "RequestStats":
        """A copy that does not change."""
        return RequestStats(**{name: copy(value) for name, value in vars(self).items()})
