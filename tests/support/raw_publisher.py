"""A publisher of ZeroMQ that sends the bytes that a test says, on loopback."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

GREETING: Final = b"\xff" + bytes(8) + b"\x7f\3\0" + b"NULL".ljust(20, b"\0") + bytes(32)
READY: Final = b"\4\x19\5READY\x0bSocket-Type\0\0\0\3PUB"
_BLOCKED_S: Final = 0.3


def part(content: bytes, *, is_last: bool) -> bytes:
    """A part of a message, with a length of 8 bytes."""
    return bytes((2 if is_last else 3,)) + struct.pack(">Q", len(content)) + content


class RawPublisher:
    """Attributes: url: Where it is. heard: What was sent to it."""

    def __init__(self) -> None:
        self.url, self.heard = "", bytearray()
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with its handshake."""
        self._writer = writer
        writer.write(GREETING + READY)
        self.connected.set()
        try:
            while piece := await reader.read(1 << 16):
                self.heard += piece
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()

    async def sends(self, content: bytes) -> None:
        """Send these bytes; they are lost if nobody is there any more."""
        assert self._writer is not None
        self._writer.write(content)
        try:
            await self._writer.drain()
        except ConnectionError:
            await self.ended.wait()

    def ends(self) -> None:
        """Close the connection, after all that was sent."""
        assert self._writer is not None
        self._writer.close()

    def floods(self, content: bytes, most: int) -> int:
        """How many bytes it can send while the event loop does not run. Args: most: Not more than that."""
        assert self._writer is not None
        with socket.socket(fileno=os.dup(self._writer.get_extra_info("socket").fileno())) as raw:
            raw.settimeout(_BLOCKED_S)
            sent = 0
            try:
                while sent < most:
                    sent += raw.send(content[sent % len(content) :])
            except TimeoutError:
                pass
            raw.setblocking(False)
        return sent


@asynccontextmanager
async def raw_publisher() -> AsyncIterator[RawPublisher]:
    one = RawPublisher()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    async with server:
        one.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one
