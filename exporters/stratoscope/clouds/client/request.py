"""One request to a cloud as its budget sees it: what comes back, or how it failed."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from stratoscope.core.errors import CollectError, Reason


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
    """

    def __init__(self, reason: Reason, message: str, code: str) -> None:
        super().__init__(reason, message)
        self.code = code


class TooLargeError(CallError):
    """The body is larger than is read, or than is sent (413): less of it may be asked for."""

    def __init__(self, message: str, code: str = "malformed") -> None:
        super().__init__(Reason.MALFORMED, message, code)
