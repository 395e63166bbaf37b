"""Receives Nova's versioned notifications. Source: RabbitMQ, a queue of our own, bound to Nova's exchange.

The queue is nobody else's: consumers of one queue share its messages, so each would lack what another takes.
It goes with the exporter. If that dies the broker deletes it when nobody has read it for 15 minutes; it drops
the oldest messages beyond a bound. An exchange of the same name brings an echo: a broker with an alarm of its
memory or disk takes no messages from anybody, and says nothing of it to those who only read.
Rights: configure and write `^stratoscope-`, read `^(stratoscope-.*|nova)$`.
"""

import asyncio
import hashlib
import logging
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import aiormq
import msgspec
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel, AbstractConnection, ArgumentsType, DeliveredMessage
from yarl import URL

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.files import context, login
from stratoscope.clouds.client.handshake import failed
from stratoscope.clouds.events import CONNECT_S, OTHER, Events, Outcome
from stratoscope.clouds.openstack.amqp_transport import Bounded
from stratoscope.clouds.openstack.compute.notification import Notification, decoded, notification
from stratoscope.clouds.openstack.compute.notification_names import NAMES
from stratoscope.clouds.openstack.config import Notifications
from stratoscope.core.errors import CollectError, ConfigError, Reason, again

log = logging.getLogger(__name__)

NO_NOTIFICATIONS: Final = (
    "Nova sends no versioned notifications to this queue: of nova.conf [notifications] notification_format "
    "must be `both` or `versioned`, [oslo_messaging_notifications] driver `messagingv2`, and events.topic "
    "one of its versioned_notifications_topics"
)
"""What is wrong with a queue that is fine, and in which nothing is."""
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
_ECHO_EVERY_S: Final = 10.0
ECHO_S: Final = 20.0
"""How long an echo may take; what was queued before it comes first."""
_REFUSED_S: Final = 300.0
"""A login that was refused is not sent again for so long."""
_NO_LOGIN: Final = (amqp.AuthenticationError, amqp.ProbableAuthenticationError)
_UNAUTHORIZED: Final = (
    *_NO_LOGIN,
    amqp.ChannelAccessRefused,
    amqp.ConnectionNotAllowed,
)
_LARGEST: Final = 4 << 20
"""A larger message is not decoded, which would block the event loop; one of Nova has some 10 KB."""
_UNDECODED: Final = (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, RecursionError)
_MALFORMED: Final = (amqp.ProtocolSyntaxError, amqp.IncompatibleProtocolError)

logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # what it says is in the error that it raises


class Listener:
    """The notifications of one cloud. Each is decoded strictly, applied and counted."""

    def __init__(
        self,
        cloud: str,
        settings: Notifications,
        events: Events,
        hear: Callable[[Notification], Outcome],
        clock: Clock = CLOCK,
    ) -> None:
        """Args: hear: Applies a notification."""
        self._name, self._settings = f"stratoscope management: {cloud}", settings
        self._cloud, self._events, self._hear, self._clock = cloud, events, hear, clock
        self._queue = f"stratoscope-{uuid4().hex}"  # of this process: it goes on after a lost connection
        self._echoed = asyncio.Event()
        self._refused: tuple[bytes, float, CollectError] | None = None
        self._transport = Bounded()

    async def listen(self) -> None:
        """Receive notifications until the connection is lost. Raises CollectError."""
        try:
            where, connection = await self._connected()
            try:
                await self._receive(connection, where)
            finally:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await connection.close()
        except CollectError as error:
            raise self._events.end(error) from error

    def take(self, body: bytes) -> Outcome:
        """Decode, apply and count one message; it never raises."""
        event, outcome = OTHER, Outcome.MALFORMED
        with suppress(*_UNDECODED):
            if len(body) > _LARGEST:
                raise ValueError("larger than any notification")
            event, payload = decoded(body)
            outcome = self._hear(notification(event, payload))
        self._events.count(event if event in NAMES else OTHER, outcome)
        return outcome

    async def _connected(self) -> tuple[str, AbstractConnection]:
        """The first broker that answers, and a connection to it. Raises the failure of the last one."""
        failure = CollectError(Reason.UNAVAILABLE, "no broker")
        for url in map(URL, self._settings.urls):
            where = f"{url.host}:{url.port or ''}"
            try:
                return where, await self._connect(url, where)
            except CollectError as error:
                failure = error
        raise failure

    async def _connect(self, url: URL, where: str) -> AbstractConnection:
        try:
            own = login(self._settings.credentials_file)
            trust = context(self._settings) if url.scheme == "amqps" else None
        except ConfigError as error:
            raise CollectError(Reason.UNAUTHORIZED, f"events.{error}") from error
        digest, now = hashlib.sha256(own.encode()).digest(), self._clock.monotonic()
        if self._refused is not None and self._refused[0] == digest and now < self._refused[1] + _REFUSED_S:
            raise again(self._refused[2])
        user, _, password = own.partition(":")
        full = url.with_user(user).with_password(password).with_query(heartbeat=_HEARTBEAT_S)
        properties: ArgumentsType = {"connection_name": self._name}
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await aiormq.connect(
                    full, context=trust, client_properties=properties, transport_factory=self._transport
                )
        except (amqp.AMQPError, OSError, EOFError) as error:  # TimeoutError is an OSError
            failure = _no_amqp(where, error) or _failure(where, error)
            if isinstance(error, _NO_LOGIN):
                self._refused = digest, now, failure
            raise failure from error
        self._refused = None
        return connection

    async def _receive(self, connection: AbstractConnection, where: str) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                channel = await connection.channel(publisher_confirms=False)
                over = await self._consume(channel)
            await self._until_lost(channel, over, where)
        except (amqp.AMQPError, OSError, EOFError, RuntimeError) as error:  # RuntimeError: it was just closed
            raise _failure(where, error) from error
        raise self._lost(channel, connection, where)

    async def _until_lost(self, channel: AbstractChannel, over: "asyncio.Future[None]", where: str) -> None:
        """Wait until the broker ends it, or brings no echo. An orderly end takes the queue along."""
        echoes = asyncio.ensure_future(self._echoes(channel, where))
        waits: set[asyncio.Future[Any]] = {over, channel.closing, channel.connection.closing, echoes}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if echoes.done():
                echoes.result()
        except asyncio.CancelledError:
            with suppress(amqp.AMQPError, OSError, RuntimeError):
                async with asyncio.timeout(_CLOSE_S):
                    await channel.queue_delete(self._queue)
            raise
        finally:
            echoes.cancel()

    async def _echoes(self, channel: AbstractChannel, where: str) -> None:
        await self._echo(channel, where)  # it comes after what was queued before, and the lists after that
        self._events.begin()
        log.info("events arrive cloud=%s broker=%s", self._cloud, where)
        while True:
            await asyncio.sleep(_ECHO_EVERY_S)
            await self._echo(channel, where)

    async def _echo(self, channel: AbstractChannel, where: str) -> None:
        """Send a message to our own queue, and wait for it. Raises CollectError."""
        self._echoed.clear()
        try:
            async with asyncio.timeout(ECHO_S):
                await channel.basic_publish(b"", exchange=self._queue)
                await self._echoed.wait()
        except TimeoutError:
            what = (
                f"{where}: the broker passes no message on within {ECHO_S:.3g} s: an alarm of memory or disk?"
            )
            raise CollectError(Reason.BUSY, what) from None

    async def _consume(self, channel: AbstractChannel) -> "asyncio.Future[None]":
        """Declare and bind the queue, and read it. Returns what is done when the broker ends that.

        The exchange for echoes goes with the queue.
        """
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(_: object) -> None:
            if not over.done():
                over.set_result(None)

        exchange, key = self._settings.exchange, f"{self._settings.topic}.*"
        await channel.basic_qos(prefetch_count=_AT_ONCE)
        await channel.exchange_declare(exchange, passive=True)
        await channel.queue_declare(self._queue, durable=True, arguments=_QUEUE)
        await channel.queue_bind(self._queue, exchange, routing_key=key)
        await channel.exchange_declare(self._queue, exchange_type="fanout", auto_delete=True)
        await channel.queue_bind(self._queue, self._queue)
        channel.on_consumer_cancel_callbacks.add(ended)
        await channel.basic_consume(self._queue, self._delivered)
        return over

    async def _delivered(self, message: DeliveredMessage) -> None:
        """aiormq starts a task for each message, in their order; nothing is awaited before it is applied."""
        self._transport.ended()
        try:
            if message.exchange == self._queue:
                self._echoed.set()
            else:
                self.take(message.body)
        finally:  # one that is not acknowledged comes again, and with _AT_ONCE of them nothing else does
            tag = message.delivery_tag
            with suppress(amqp.AMQPError, OSError, RuntimeError):  # it is lost: the message comes again
                await message.channel.basic_ack(tag or 0, wait=False)

    def _lost(self, channel: AbstractChannel, connection: AbstractConnection, where: str) -> CollectError:
        for closing in (channel.closing, connection.closing):
            if closing.done() and not closing.cancelled() and (error := closing.exception()):
                return _failure(where, error)
        return CollectError(Reason.UNAVAILABLE, f"{where}: the broker has deleted the queue")


def _no_amqp(where: str, error: BaseException) -> CollectError | None:
    """The failure of a connection where nothing shows that AMQP is spoken; None if something does."""
    if isinstance(error, TimeoutError):
        what = f"no answer in AMQP within {CONNECT_S:.3g} s: a wrong port?"
        return CollectError(Reason.TIMEOUT, f"{where}: {what}")
    if isinstance(error, amqp.ProtocolSyntaxError) and not isinstance(error, amqp.InvalidFrameError):
        return CollectError(Reason.MALFORMED, f"{where}: no AMQP ({error}): a wrong port?")
    if isinstance(error.__cause__, asyncio.IncompleteReadError) and not isinstance(error, _UNAUTHORIZED):
        what = "no AMQP: the connection was closed before it began: a wrong port, or one for TLS (amqps)?"
        return CollectError(Reason.UNAVAILABLE, f"{where}: {what}")
    return None


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
    return CollectError(Reason.UNAVAILABLE, f"{where}: {_words(error) or type(error).__name__}")


def _words(error: BaseException) -> str:
    below = error.__cause__ if isinstance(error, amqp.AMQPConnectionError) else None
    cause = below if isinstance(below, OSError) else error
    if isinstance(cause, ssl.SSLError):
        return failed(cause)
    if isinstance(cause, OSError) and (cause.errno or 0) > 0:
        return os.strerror(cause.errno or 0)  # strerror is a text of asyncio's
    return str(error)
