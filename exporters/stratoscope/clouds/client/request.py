"""One request to a cloud as its budget sees it: the response, or how it failed."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

import msgspec

from stratoscope.core.errors import CollectError, Reason

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ONCE: Final = frozenset({"POST", "PATCH"})
"""A request that is sent twice with one of these may do its work twice: two VMs."""


class Response(msgspec.Struct, frozen=True):
    """Attributes: headers: By name in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str]


SendRequest = Callable[[], Awaitable[Response]]
"""Makes one request. Raises CallError, or TimeoutError."""


class CallError(CollectError):
    """A request without an answer that says what it did: none in time, 5xx, or one that cannot be read.

    Attributes:
        code: The label `code` of the request.
        may_be_done: Whether the service may have carried it out; not if no connection was made.
    """

    def __init__(self, reason: Reason, message: str, code: str, *, may_be_done: bool = True) -> None:
        super().__init__(reason, message)
        self.code, self.may_be_done = code, may_be_done


class TooLargeError(CallError):
    """The body is larger than is read, or than is sent (413): less of it may be asked for."""

    def __init__(self, message: str, code: str = "malformed", *, may_be_done: bool = True) -> None:
        super().__init__(Reason.MALFORMED, message, code, may_be_done=may_be_done)


class OutcomeUnknownError(CollectError):
    """A request that is not sent twice, and of which nobody knows whether it was carried out."""


@contextmanager
def outcome(method: Method) -> Iterator[None]:
    """Around one request, from sending it to decoding its answer.

    Raises:
        OutcomeUnknownError: It failed, must not be sent twice, and may have been carried out.
    """
    try:
        yield
    except CallError as error:
        if method not in ONCE or not error.may_be_done:
            raise
        what = f"{error}; it may have been carried out, so it is not sent again"
        raise OutcomeUnknownError(error.reason, what) from error
