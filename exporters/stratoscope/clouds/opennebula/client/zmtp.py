"""What a publisher of ZeroMQ sends, put together from bytes. Source: ZMTP 3.0, https://rfc.zeromq.org/spec/23.

libzmq bounds a part of a message and the number of messages, but no message: it keeps all parts of one that
never ends, before its reader sees the first. So it carries bytes here, and messages have their bound below.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

LARGEST: Final = 1 << 20
"""Bytes of a message that are kept: one of a VM has some 10 KB. One of more is passed over as it comes."""
ENDLESS: Final = 64 << 20
"""With a message of more the connection is given up: no VM is as large."""
PARTS: Final = 2
"""A key, and what is said."""
_PING: Final = b"\4PING"
_TIME_TO_LIVE: Final = bytes(2)
"""Of our heartbeats: it is not said."""
_PONG: Final = b"\4PONG"
_READY: Final = b"\5READY"
_ERROR: Final = b"\5ERROR"
_OURS: Final = _READY + b"\x0bSocket-Type\0\0\0\3SUB"
_SIGNATURE: Final = b"\xff" + bytes(8) + b"\x7f"
_NULL: Final = b"NULL".ljust(20, b"\0")
_MAJOR: Final = 10
GREETING: Final = _SIGNATURE + b"\3\0" + _NULL + bytes(32)
"""The version, and the mechanism by which nobody logs in."""
_MORE: Final = 1
_LONG: Final = 2
_COMMAND: Final = 4
_FLAGS: Final = _MORE | _LONG | _COMMAND
_LONGEST_COMMAND: Final = 4096
_LONGEST_TEXT: Final = 100
_LONGEST_CONTEXT: Final = 16


class _Header(NamedTuple):
    """Of a part. Attributes: start: Where its content begins. size: Of that, in bytes."""

    flags: int
    start: int
    size: int


class Stream:
    """The bytes of one publisher. Attributes: is_ready: It will send what is subscribed to."""

    def __init__(self, topic: bytes) -> None:
        """Args: topic: What the first part of a message begins with."""
        self.is_ready = self._is_greeted = False
        self._topic, self._answers = topic, bytearray(GREETING)
        self._pending, self._parts = bytearray(), list[bytes]()
        self._size = self._to_pass = 0

    def feed(self, piece: bytes) -> list[list[bytes]]:
        """The parts of each message that is known with this piece; none of one that is passed over.

        Raises ValueError if these are not the bytes of a publisher.
        """
        passed = min(self._to_pass, len(piece))
        self._to_pass -= passed
        self._pending += piece[passed:]
        if not self._is_greeted:
            self._greet()
        return [*self._messages()] if self._is_greeted else []

    def answers(self) -> bytes:
        """What is to be sent since the last call."""
        answers, self._answers = bytes(self._answers), bytearray()
        return answers

    def ping(self) -> bytes:
        """What makes a publisher that is alive send something."""
        return framed(_PING + _TIME_TO_LIVE, _COMMAND)

    def _greet(self) -> None:
        start = self._pending[: len(GREETING)]
        if not (_SIGNATURE.startswith(start[:1]) and start[9:10] in (b"", _SIGNATURE[9:])):
            raise ValueError("it does not speak ZeroMQ's protocol")
        if start[_MAJOR : _MAJOR + 1] and start[_MAJOR] < GREETING[_MAJOR]:  # it ends with that, and waits
            raise ValueError("it speaks an older protocol of ZeroMQ")
        if len(start) < len(GREETING):
            return
        if start[12:32] != _NULL:
            raise ValueError("it wants a log-in")
        del self._pending[: len(GREETING)]
        self._is_greeted = True
        self._answers += framed(_OURS, _COMMAND)

    def _messages(self) -> Iterator[list[bytes]]:
        at = 0
        while (header := _header(self._pending, at)) is not None:
            flags, start, size = header
            there = min(size, len(self._pending) - start)
            is_over = not flags & _COMMAND and self._is_over(start - at + size)
            if there < size and not is_over:
                break
            content = b"" if is_over else bytes(self._pending[start : start + size])
            if flags & _COMMAND:
                self._obey(content)
            else:
                self._to_pass = size - there
                self._size += start - at + size
                self._parts = [] if is_over else [*self._parts, content]
                if not flags & _MORE:
                    yield self._parts
                    self._parts, self._size = [], 0
            at = start + there
        del self._pending[:at]

    def _is_over(self, more: int) -> bool:
        """Whether a message with so many bytes more is passed over. Raises ValueError if it does not end."""
        size = self._size + more
        if size > ENDLESS:
            raise ValueError(f"a message of more than {ENDLESS} bytes")
        is_begun = self._size > 0 and not self._parts  # what was passed over has none of its parts
        return size > LARGEST or len(self._parts) == PARTS or is_begun

    def _obey(self, command: bytes) -> None:
        if command.startswith(_READY) and not self.is_ready:
            self.is_ready = True
            self._answers += framed(b"\1" + self._topic)  # a message, in ZMTP 3.0
        elif command.startswith(_ERROR):
            raise ValueError(f"it refuses: {command[len(_ERROR) + 1 :][:_LONGEST_TEXT]!r}")
        elif command.startswith(_PING):
            self._answers += framed(
                _PONG + command[len(_PING + _TIME_TO_LIVE) :][:_LONGEST_CONTEXT], _COMMAND
            )


def framed(content: bytes, flags: int = 0) -> bytes:
    """A short part of a message, or a command."""
    return bytes((flags, len(content))) + content


def _header(pending: bytearray, at: int) -> _Header | None:
    """Of the part that begins there; None while it is not all there. Raises ValueError."""
    if len(pending) - at < 2:  # noqa: PLR2004 - flags and length
        return None
    flags = pending[at]
    if flags & ~_FLAGS or flags & (_COMMAND | _MORE) == _COMMAND | _MORE:
        raise ValueError("it does not speak ZeroMQ's protocol")
    if not flags & _LONG:
        found = _Header(flags, at + 2, pending[at + 1])
    elif len(pending) - at < 9:  # noqa: PLR2004 - flags and a length of 8 bytes
        return None
    else:
        found = _Header(flags, at + 9, int.from_bytes(pending[at + 1 : at + 9]))
    if flags & _COMMAND and found.size > _LONGEST_COMMAND:
        raise ValueError(f"a command of {found.size} bytes")
    return found
