"""Receives changes of VMs. Source: the publishers (ZeroMQ) of oned's hook managers, keys `EVENT STATE VM/`.

A message has a key, `EVENT STATE VM/ACTIVE/RUNNING/7 `, and the VM as oned's XML in base64. Nothing is sent
again, and nobody logs in: who can connect reads all VMs.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from stratoscope.clouds.events import CONNECT_S, OTHER, Events, Outcome
from stratoscope.clouds.opennebula.client.items import Element, root
from stratoscope.clouds.opennebula.config import Publishers
from stratoscope.core.errors import CollectError, Reason

log = logging.getLogger(__name__)

NO_MESSAGES: Final = (
    "the hook manager publishes no changes of VMs: events.urls must have that of each oned, since the leader "
    "alone publishes"
)
_KEY: Final = b"EVENT STATE VM/"
_PARTS: Final = 2
_HEARTBEAT_MS: Final = 5_000
_SILENT_MS: Final = 15_000
"""A publisher that does not answer a heartbeat for so long is lost."""
_QUEUED: Final = 20_000
"""Messages that wait here; libzmq drops those beyond, without a word."""
_LARGEST: Final = 4 << 20
_SUBSCRIBED_S: Final = 0.5
"""A publisher begins to send soon after its connection is ready, when it has read the subscription."""
_OTHER: Final = " (it does not speak ZeroMQ: a wrong port?)"
_LOST: Final = zmq.Event.DISCONNECTED | zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_AUTH
_WATCHED: Final = zmq.Event.CONNECTED | zmq.Event.HANDSHAKE_SUCCEEDED | _LOST
_UNDECODED: Final = (binascii.Error, UnicodeDecodeError, ValueError, KeyError, OverflowError)


class Subscriber:
    """The events of one zone. Each is decoded strictly, applied and counted."""

    def __init__(self, settings: Publishers, events: Events, hear: Callable[[Element], Outcome]) -> None:
        """Args: hear: Applies what is said of a VM. Raises ValueError, KeyError."""
        self._urls = [url.rstrip("/") for url in settings.urls]
        self._events, self._hear = events, hear

    async def listen(self) -> None:
        """Receive events until a connection is lost. Raises CollectError.

        All publishers must be connected: any of them may be the leader's.
        """
        with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as socket:
            socket.linger = 0
            socket.set(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
            socket.set(zmq.HEARTBEAT_TIMEOUT, _SILENT_MS)
            socket.set(zmq.RCVHWM, _QUEUED)
            socket.set(zmq.MAXMSGSIZE, _LARGEST)
            socket.subscribe(_KEY)
            try:
                await self._receive(socket)
            except CollectError as error:
                self._events.end(error)
                raise
            finally:
                socket.disable_monitor()

    def take(self, parts: list[bytes]) -> Outcome:
        """Decode, apply and count one message; it never raises."""
        name, outcome = OTHER, Outcome.MALFORMED
        with suppress(*_UNDECODED):
            key, message = parts
            name = key.removeprefix(b"EVENT STATE ").decode("ascii").rpartition("/")[0]
            found = root(base64.b64decode(message).decode("utf-8")).find("VM")
            if found is None:
                raise ValueError("no VM")
            outcome = self._hear(found)
        self._events.count(name, outcome)
        return outcome

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        try:
            with socket.get_monitor_socket(_WATCHED) as monitor:
                for url in self._urls:
                    socket.set(zmq.IPV6, "[" in url)  # with it a name stands for its IPv6 address alone
                    socket.connect(url)
                await self._connected(monitor)
                await asyncio.sleep(_SUBSCRIBED_S)
                self._events.begin()
                log.info("events arrive publishers=%s", ",".join(self._urls))
                await self._take_until(socket, asyncio.ensure_future(_lost(monitor)))
        except zmq.ZMQError as error:
            raise CollectError(Reason.UNAVAILABLE, f"ZeroMQ: {error}") from error

    async def _take_until(self, socket: zmq.asyncio.Socket, over: "asyncio.Future[None]") -> None:
        try:
            while not over.done():
                received = asyncio.ensure_future(socket.recv_multipart())
                waits: set[asyncio.Future[Any]] = {received, over}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if received.done():
                    self.take(received.result())
                else:
                    received.cancel()
            over.result()
        finally:
            over.cancel()

    async def _connected(self, monitor: zmq.asyncio.Socket) -> None:
        """Wait for all publishers."""
        ready, answers = set[str](), set[str]()
        try:
            async with asyncio.timeout(CONNECT_S):
                while len(ready) < len(set(self._urls)):
                    event, url = await _next(monitor)
                    if event & _LOST:
                        ready.discard(url)
                    elif event & zmq.Event.CONNECTED:
                        answers.add(url)
                    else:
                        ready.add(url)
                        answers.discard(url)
        except TimeoutError:
            words = (f"{one}{_OTHER if one in answers else ''}" for one in sorted({*self._urls} - ready))
            lacking = ", ".join(words) or "a publisher"
            what = f"{lacking}: no publisher within {CONNECT_S:.3g} s"
            raise CollectError(Reason.UNAVAILABLE, what) from None


async def _lost(monitor: zmq.asyncio.Socket) -> None:
    """Wait for the first connection that is lost. Raises CollectError."""
    while True:
        event, url = await _next(monitor)
        if event & _LOST:
            raise CollectError(Reason.UNAVAILABLE, f"{url}: the connection is lost")


async def _next(monitor: zmq.asyncio.Socket) -> tuple[int, str]:
    """What happened to which connection."""
    found = parse_monitor_message(await monitor.recv_multipart())
    return found["event"], found["endpoint"].decode("utf-8", "replace")
