"""The requests that a piece of work has sent, for whoever wants to see them: no header, body or query."""

from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_INTO: ContextVar[MutableSequence["Sent"] | None] = ContextVar("sent", default=None)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request.

    Attributes:
        place: Scheme, host and path of its URL.
        code: The status of the answer, or `timeout`, `connection`, `malformed`, `cancelled`.
    """

    method: str
    place: str
    code: str
    seconds: float


@contextmanager
def recorded(into: MutableSequence[Sent]) -> Iterator[None]:
    """Around a piece of work: its requests are appended. A log-in is not one of them: several share it."""
    token = _INTO.set(into)
    try:
        yield
    finally:
        _INTO.reset(token)


def wanted() -> MutableSequence[Sent] | None:
    """Where a request of this piece of work is to be appended; None if nobody wants to see it."""
    return _INTO.get()
