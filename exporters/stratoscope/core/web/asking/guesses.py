"""Tokens are compared as SHA-256, and few are looked up for a client that guesses."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from stratoscope.core.web.passwords import Failures

T = TypeVar("T")

_MOST_RIGHT: Final = 1024


class TooManyError(Exception):
    """The client's address has sent too many wrong tokens or passwords; this one was not looked up."""


def hashed(token: str) -> str:
    """The stored form of a token: the SHA-256 of its UTF-8, in hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Guesses:
    """Counts wrong tokens per client address, in the bucket in which wrong passwords are counted.

    A token that was right before is looked up whatever others guess from the same address; it may have been
    revoked since.
    """

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._right: OrderedDict[str, None] = OrderedDict()

    async def found(self, sha256: str, address: str, find: Callable[[], Awaitable[T | None]]) -> T | None:
        """The result of `find` for the token with this hash; None counts as a wrong token.

        Raises:
            TooManyError: `find` was not called.
        """
        was_right = sha256 in self._right
        if not was_right:
            if self._failures.are_too_many(address):
                raise TooManyError
            self._failures.add(address)  # from its start: so do many at once
        try:
            found = await find()
        except BaseException:
            if not was_right:
                self._failures.remove(address)
            raise
        self._note(sha256, address, was_right=was_right, is_right=found is not None)
        return found

    def _note(self, sha256: str, address: str, *, was_right: bool, is_right: bool) -> None:
        if is_right:
            if not was_right:
                self._failures.remove(address)
            self._right[sha256] = None
            self._right.move_to_end(sha256)
            if len(self._right) > _MOST_RIGHT:
                self._right.popitem(last=False)
        elif was_right:
            self._right.pop(sha256, None)
            self._failures.add(address)
