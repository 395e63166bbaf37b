"""One request to a cloud as its budget sees it: the response, or how it failed."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

import msgspec

from stratoscope.core.errors import CollectError, Reason

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ONCE: Final = frozenset({"POST", "PATCH"})
"""Methods of requests that are never sent twice: a POST sent twice may create two VMs."""


class Response(msgspec.Struct, frozen=True):
    """A service's answer, or that of a proxy before it.

    Attributes:
        headers: By name in small letters.
        through: Words that name the proxy through which it came; "" without one.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    through: str = ""


SendRequest = Callable[[], Awaitable[Response]]
"""Sends one request. Raises CallError or TimeoutError."""


class CallError(CollectError):
    """A request without a usable answer: none in time, 5xx, or malformed.

    Attributes:
        code: The label `code` of the request.
        may_be_done: Whether the service may have carried it out; not if no connection was made.
    """

    def __init__(self, reason: Reason, message: str, code: str, *, may_be_done: bool = True) -> None:
        super().__init__(reason, message)
        self.code, self.may_be_done = code, may_be_done


class TooLargeError(CallError):
    """The body exceeds the limit here, or the service's (413); a smaller page may be requested."""

    def __init__(self, message: str, code: str = "malformed", *, may_be_done: bool = True) -> None:
        super().__init__(Reason.MALFORMED, message, code, may_be_done=may_be_done)


class OutcomeUnknownError(CollectError):
    """A request that may or may not have been carried out, and is not sent again."""


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
