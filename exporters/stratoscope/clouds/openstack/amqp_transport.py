"""Connections to a broker of AMQP whose frames and messages are bounded, which aiormq does not do itself.

It reads whatever length a frame claims, and as many frames as a message claims to have.
"""

import asyncio
from typing import Any, Final

import aiormq
from yarl import URL

FRAME: Final = 4 << 20
"""Bytes of a frame: brokers send frames of 128 KiB at most unless they are configured otherwise."""
MESSAGE: Final = 65 << 20
"""Bytes between two messages: with more of them one does not end. Our queue has 64 MiB at most."""


class Bounded(aiormq.TransportFactory):
    """Makes the connections of one listener."""

    def __init__(self) -> None:
        self._reader: _Reader | None = None

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, with TLS for `amqps`. Raises aiormq.AMQPConnectionError."""
        loop = asyncio.get_running_loop()
        provider: aiormq.SSLContextProvider = options.pop("ssl_context_provider")
        tls = await provider.get_context() if url.scheme == "amqps" else None
        reader = self._reader = _Reader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, url.host or "", url.port or 0, ssl=tls, **options
            )
        except OSError as error:
            raise aiormq.AMQPConnectionError(*error.args) from error
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def ended(self) -> None:
        """A message was read to its end."""
        if self._reader is not None:
            self._reader.since_end = 0


class _Reader(asyncio.StreamReader):
    """What a broker sends. Attributes: since_end: Bytes since the end of a message."""

    since_end = 0

    async def readexactly(self, n: int) -> bytes:
        """The next `n` bytes. Raises aiormq.ProtocolSyntaxError if that is more than a broker may send."""
        self.since_end += n
        if n > FRAME:
            raise aiormq.ProtocolSyntaxError(f"a frame of {n:,} bytes")
        if self.since_end > MESSAGE:
            raise aiormq.ProtocolSyntaxError(f"a message of more than {MESSAGE:,} bytes")
        return await super().readexactly(n)
