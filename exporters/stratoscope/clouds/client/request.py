"""One request to a cloud as its budget sees it: what comes back, or how it failed."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from stratoscope.core.errors import CollectError, Reason

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ONCE: Final = frozenset({"POST", "PATCH"})
"""What such a request asks for may be done twice if it is sent twice: two VMs."""


class Response(msgspec.Struct, frozen=True):
    """Attributes: headers: By name in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str]


SendRequest = Callable[[], Awaitable[Response]]
"""Makes one request. Raises CallError, or TimeoutError."""


class CallError(CollectError):
    """A request that got no answer that can be read.

    Attributes:
        code: The label `code` of the request: `connection`, `malformed`.
        was_sent: Whether the request may have reached the service; not if no connection was made.
    """

    def __init__(self, reason: Reason, message: str, code: str, *, was_sent: bool = True) -> None:
        super().__init__(reason, message)
        self.code, self.was_sent = code, was_sent


class OutcomeUnknownError(CollectError):
    """A request that is not sent twice, and of which nobody knows whether it was carried out."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, f"{message}; it may have been carried out, so it is not sent again")


class TooLargeError(CallError):
    """The body is larger than is read, or than is sent (413): less of it may be asked for."""

    def __init__(self, message: str, code: str = "malformed") -> None:
        super().__init__(Reason.MALFORMED, message, code)
