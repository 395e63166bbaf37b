"""Receives Nova's versioned notifications. Source: RabbitMQ, a queue of our own, bound to Nova's exchange.

The queue is nobody else's: consumers of one queue share its messages, so each would lack what another takes.
The broker deletes it when nobody has read it for 15 minutes, and drops its oldest messages beyond a bound.
Rights: configure and write `^stratoscope-`, read `^(stratoscope-.*|nova)$`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import uuid4

import aiormq
import msgspec
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel, AbstractConnection, ArgumentsType, DeliveredMessage
from yarl import URL

from stratoscope.clouds.client.files import context, login
from stratoscope.clouds.events import CONNECT_S, OTHER, Events, Outcome
from stratoscope.clouds.openstack.compute.notification import Notification, decoded, notification
from stratoscope.clouds.openstack.config import Notifications
from stratoscope.core.errors import CollectError, ConfigError, Reason

_HEARTBEAT_S: Final = 10
"""A broker that says nothing for three times as long is lost."""
_QUEUE: Final[ArgumentsType] = {
    "x-expires": 900_000,  # milliseconds
    "x-max-length": 20_000,
    "x-max-length-bytes": 64 << 20,
}
_AT_ONCE: Final = 200
"""Messages that the broker sends before they are acknowledged."""
_CLOSE_S: Final = 2.0
_UNAUTHORIZED: Final = (
    amqp.AuthenticationError,
    amqp.ProbableAuthenticationError,
    amqp.ChannelAccessRefused,
    amqp.ConnectionNotAllowed,
)
_MALFORMED: Final = (amqp.ProtocolSyntaxError, amqp.IncompatibleProtocolError)

logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # what it says is in the error that it raises


class Listener:
    """The notifications of one cloud. Each is decoded strictly, applied and counted."""

    def __init__(
        self, cloud: str, settings: Notifications, events: Events, hear: Callable[[Notification], Outcome]
    ) -> None:
        """Args: hear: Applies a notification."""
        self._name, self._settings = f"stratoscope management: {cloud}", settings
        self._events, self._hear = events, hear
        self._queue = f"stratoscope-{uuid4().hex}"  # of this process: it goes on after a lost connection

    async def listen(self) -> None:
        """Receive notifications until the connection is lost. Raises CollectError."""
        try:
            connection = await self._connected()
            try:
                await self._receive(connection)
            finally:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await connection.close()
        except CollectError as error:
            self._events.end(error)
            raise

    def take(self, body: bytes) -> Outcome:
        """Decode, apply and count one message; it never raises."""
        event, outcome = OTHER, Outcome.MALFORMED
        with suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError):
            event, payload = decoded(body)
            outcome = self._hear(notification(event, payload))
        self._events.count(event, outcome)
        return outcome

    async def _connected(self) -> AbstractConnection:
        """A connection to the first broker that answers. Raises the failure of the last one."""
        failure = CollectError(Reason.UNAVAILABLE, "no broker")
        for url in self._settings.urls:
            try:
                return await self._connect(URL(url))
            except CollectError as error:
                failure = error
        raise failure

    async def _connect(self, url: URL) -> AbstractConnection:
        where = f"{url.host}:{url.port or ''}"
        try:
            user, _, password = login(self._settings.credentials_file).partition(":")
            trust = context(self._settings) if url.scheme == "amqps" else None
        except ConfigError as error:
            raise CollectError(Reason.UNAUTHORIZED, f"events.{error}") from error
        full = url.with_user(user).with_password(password).with_query(heartbeat=_HEARTBEAT_S)
        properties: ArgumentsType = {"connection_name": self._name}
        try:
            async with asyncio.timeout(CONNECT_S):
                return await aiormq.connect(full, context=trust, client_properties=properties)
        except (amqp.AMQPError, OSError, EOFError) as error:  # TimeoutError is an OSError
            raise _failure(where, error) from error

    async def _receive(self, connection: AbstractConnection) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                channel = await connection.channel(publisher_confirms=False)
                over = await self._consume(channel)
            self._events.begin()
            await asyncio.wait(
                {over, channel.closing, connection.closing}, return_when=asyncio.FIRST_COMPLETED
            )
        except (amqp.AMQPError, OSError, EOFError, RuntimeError) as error:  # RuntimeError: it was just closed
            raise _failure("the broker", error) from error
        raise self._lost(channel, connection)

    async def _consume(self, channel: AbstractChannel) -> "asyncio.Future[None]":
        """Declare and bind the queue, and read it. Returns what is done when the broker ends that."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(_: object) -> None:
            if not over.done():
                over.set_result(None)

        exchange, key = self._settings.exchange, f"{self._settings.topic}.*"
        await channel.basic_qos(prefetch_count=_AT_ONCE)
        await channel.exchange_declare(exchange, passive=True)
        await channel.queue_declare(self._queue, durable=True, arguments=_QUEUE)
        await channel.queue_bind(self._queue, exchange, routing_key=key)
        channel.on_consumer_cancel_callbacks.add(ended)
        await channel.basic_consume(self._queue, self._delivered)
        return over

    async def _delivered(self, message: DeliveredMessage) -> None:
        """aiormq starts a task for each message, in their order; nothing is awaited before it is applied."""
        self.take(message.body)
        tag = message.delivery_tag
        with suppress(amqp.AMQPError, OSError, RuntimeError):  # it is lost: the message comes again
            await message.channel.basic_ack(tag or 0, wait=False)

    def _lost(self, channel: AbstractChannel, connection: AbstractConnection) -> CollectError:
        for closing in (channel.closing, connection.closing):
            if closing.done() and not closing.cancelled() and (error := closing.exception()):
                return _failure("the broker", error)
        return CollectError(Reason.UNAVAILABLE, "the broker: it has deleted the queue")


def _failure(where: str, error: BaseException) -> CollectError:
    """The failure in our terms: an AMQP error has no secret in its text, but maybe the URL of what failed."""
    if isinstance(error, TimeoutError):
        return CollectError(Reason.TIMEOUT, f"{where}: no answer within {CONNECT_S:.3g} s")
    if isinstance(error, amqp.ChannelNotFoundEntity):
        what = f"{where}: {error}; Nova makes the exchange with its first versioned notification"
        return CollectError(Reason.UNAVAILABLE, what)
    if isinstance(error, amqp.InvalidFrameError) and "Connection.Close" in str(error):
        # aiormq knows no refusal of a virtual host, and does not say the broker's text.
        return CollectError(Reason.UNAUTHORIZED, f"{where}: no such virtual host, or no right to it")
    if isinstance(error, _UNAUTHORIZED):
        return CollectError(Reason.UNAUTHORIZED, f"{where}: {error}")
    if isinstance(error, _MALFORMED):
        return CollectError(Reason.MALFORMED, f"{where}: {error}")
    return CollectError(Reason.UNAVAILABLE, f"{where}: {str(error) or type(error).__name__}")
