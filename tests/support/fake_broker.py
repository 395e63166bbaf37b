"""A broker of AMQP 0-9-1 with one exchange, as far as a consumer needs it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from pamqp import body, commands, frame, header
from pamqp.common import FieldTable

from support.loop_thread import in_thread

USER: Final = "cloud"
PASSWORD: Final = "the-password-of-the-broker"  # noqa: S105 - of this broker alone
_FRAME: Final = 131_064
"""Bytes of a message in one frame."""
_CAPABILITIES: Final[FieldTable] = {
    "consumer_cancel_notify": True,
    "authentication_failure_close": True,
    "basic.nack": True,
}
_PLAIN: Final[dict[type[Any], Callable[[], Any]]] = {
    commands.Connection.StartOk: lambda: commands.Connection.Tune(100, _FRAME + 8, 60),
    commands.Connection.Open: commands.Connection.OpenOk,
    commands.Connection.Close: commands.Connection.CloseOk,
    commands.Channel.Open: commands.Channel.OpenOk,
    commands.Channel.Close: commands.Channel.CloseOk,
    commands.Basic.Qos: commands.Basic.QosOk,
    commands.Exchange.Declare: commands.Exchange.DeclareOk,
    commands.Queue.Bind: commands.Queue.BindOk,
    commands.Queue.Delete: lambda: commands.Queue.DeleteOk(0),
}
"""What it says to frames that it does not refuse."""


class FakeBroker:
    """The broker's state.

    Attributes:
        exchange: The one that exists; "" for none.
        virtual_host: The one that exists.
        is_silent: It accepts connections, and says nothing.
        greeting: What it sends first instead of a frame.
        has_alarm: It takes no messages.
        queues: Arguments by name, of those that were declared.
        durable: The names of those that a restart of the broker does not delete.
        prefetch: Messages that it may send before they are acknowledged.
        bindings: Queue, exchange and key.
        acknowledged: Delivery tags, without those of echoes.
        consumers: Connections that read a queue, with the tags of their consumers.
        logins: How many were sent.
        url: Where it is.
    """

    def __init__(self) -> None:
        self.exchange, self.virtual_host = "nova", "/"
        self.is_silent = self.has_alarm = False
        self.greeting = b""
        self.queues: dict[str, Any] = {}
        self.durable: set[str] = set()
        self.prefetch = 0
        self.bindings: set[tuple[str, str, str]] = set()
        self.acknowledged: list[int] = []
        self.consumers: dict[asyncio.StreamWriter, str] = {}
        self.logins, self.url = 0, ""
        self._tag, self._echoes = 0, set[int]()

    def publish(self, *messages: bytes) -> None:
        """Send messages to who reads."""
        for writer, consumer in self.consumers.items():
            for message in messages:
                self._tag += 1
                deliver = commands.Basic.Deliver(consumer, self._tag, False, self.exchange, "k")
                _send(writer, 1, deliver, header.ContentHeader(body_size=len(message)))
                parts = [message[at : at + _FRAME] for at in range(0, len(message), _FRAME)]
                _send(writer, 1, *map(body.ContentBody, parts))

    def claims(self, size: int) -> None:
        """Begin to send messages of that size."""
        for writer, consumer in self.consumers.items():
            self._tag += 1
            deliver = commands.Basic.Deliver(consumer, self._tag, False, self.exchange, "k")
            _send(writer, 1, deliver, header.ContentHeader(body_size=size))

    def continues(self, content: bytes) -> None:
        """Send another part of a message."""
        for writer in self.consumers:
            _send(writer, 1, body.ContentBody(content))

    def sends(self, content: bytes) -> None:
        """Send bytes to who reads."""
        for writer in self.consumers:
            writer.write(content)

    def _echo(self, writer: asyncio.StreamWriter, exchange: str) -> None:
        """What is published to an exchange of a consumer comes back to it."""
        if writer in self.consumers and not self.has_alarm:
            self._tag += 1
            self._echoes.add(self._tag)
            deliver = commands.Basic.Deliver(self.consumers[writer], self._tag, False, exchange, "")
            _send(writer, 1, deliver, header.ContentHeader(body_size=0))

    def lose(self) -> None:
        """Cut all connections of who reads."""
        for writer in self.consumers:
            writer.transport.abort()
        self.consumers.clear()

    def expire(self) -> None:
        """Delete the queues."""
        for writer, consumer in self.consumers.items():
            _send(writer, 1, commands.Basic.Cancel(consumer, True))
        self.consumers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await reader.readexactly(8)
            if self.is_silent:
                await reader.read()
            writer.write(self.greeting)
            properties: FieldTable = {"capabilities": _CAPABILITIES}
            _send(writer, 0, commands.Connection.Start(0, 9, properties, "PLAIN", "en_US"))
            while True:
                head = await reader.readexactly(7)
                rest = await reader.readexactly(int.from_bytes(head[3:7]) + 1)
                _, channel, one = frame.unmarshal(head + rest)
                for answer in self._answers(one, writer):
                    _send(writer, channel, answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.consumers.pop(writer, None)
            writer.close()

    def _answers(self, one: Any, writer: asyncio.StreamWriter) -> list[Any]:
        """What it says to a frame; it does what that asks for."""
        if isinstance(one, commands.Basic.Ack) and one.delivery_tag not in self._echoes:
            self.acknowledged.append(one.delivery_tag)
        elif isinstance(one, commands.Basic.Publish):
            self._echo(writer, one.exchange)
        elif isinstance(one, commands.Connection.StartOk):
            self.logins += 1
        elif isinstance(one, commands.Queue.Delete):
            self.queues.pop(one.queue, None)
        elif isinstance(one, commands.Basic.Consume):
            self.consumers[writer] = one.consumer_tag
            return [commands.Basic.ConsumeOk(one.consumer_tag)]
        elif isinstance(one, commands.Queue.Declare):
            self.queues[one.queue] = one.arguments
            self.durable |= {one.queue} if one.durable else set()
            return [commands.Queue.DeclareOk(one.queue, 0, 0)]
        elif isinstance(one, commands.Basic.Qos):
            self.prefetch = one.prefetch_count
        elif isinstance(one, commands.Queue.Bind):
            self.bindings.add((one.queue, one.exchange, one.routing_key))
        refused = self._refused(one)
        return [refused] if refused else [_PLAIN[type(one)]()] if type(one) in _PLAIN else []

    def _refused(self, one: Any) -> Any:
        """How it refuses a frame; None if it does not."""
        if isinstance(one, commands.Connection.StartOk) and one.response != f"\0{USER}\0{PASSWORD}":
            return commands.Connection.Close(403, "ACCESS_REFUSED - log-in refused", 0, 0)
        if isinstance(one, commands.Connection.Open) and one.virtual_host != self.virtual_host:
            return commands.Connection.Close(530, "NOT_ALLOWED - vhost not found", 10, 40)
        if isinstance(one, commands.Exchange.Declare) and one.passive and one.exchange != self.exchange:
            return commands.Channel.Close(404, f"NOT_FOUND - no exchange '{one.exchange}'", 40, 10)
        return None


@asynccontextmanager
async def broker(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeBroker]:
    """A broker on a port of loopback. Args: tls: The server's; None for plain text."""
    one = FakeBroker()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=tls)
    one.url = f"amqp{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        one.lose()


class LiveBroker:
    """A broker in a thread of its own, for exporters in processes. Attributes: url: Where it is."""

    def __init__(self, one: FakeBroker) -> None:
        self._broker, self._loop, self.url = one, asyncio.get_running_loop(), one.url

    def hang(self) -> None:
        """Its connections are cut, and it says nothing to new ones."""

        async def hang() -> None:
            self._broker.is_silent = True
            self._broker.lose()

        asyncio.run_coroutine_threadsafe(hang(), self._loop).result()


@contextmanager
def live_broker() -> Iterator[LiveBroker]:
    async def serve(stack: AsyncExitStack) -> LiveBroker:
        return LiveBroker(await stack.enter_async_context(broker()))

    with in_thread("broker", serve) as found:
        yield found


def _send(writer: asyncio.StreamWriter, channel: int, *frames: Any) -> None:
    for one in frames:
        writer.write(frame.marshal(one, channel))
