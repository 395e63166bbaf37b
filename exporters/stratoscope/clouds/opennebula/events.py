"""Receives changes of VMs. Source: the publishers (ZeroMQ) of oned's hook managers, keys `EVENT STATE VM/`.

A message has a key, `EVENT STATE VM/ACTIVE/RUNNING/7 `, and the VM as oned's XML in base64. Nothing is sent
again, and nobody logs in: who can connect reads all VMs.
"""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from socket import AF_INET6, SOCK_STREAM
from typing import Any, Final

import zmq
import zmq.asyncio
from yarl import URL
from zmq.utils.monitor import parse_monitor_message

from stratoscope.clouds.events import CONNECT_S, OTHER, Events, Outcome
from stratoscope.clouds.opennebula.client.items import Element, root, tags
from stratoscope.clouds.opennebula.client.zmtp import Stream
from stratoscope.clouds.opennebula.config import Publishers
from stratoscope.clouds.opennebula.states import EVENTS
from stratoscope.core.errors import CollectError, Reason

log = logging.getLogger(__name__)

NO_MESSAGES: Final = (
    "the hook manager publishes no changes of VMs: events.urls must have that of each oned, since the leader "
    "alone publishes"
)
_KEY: Final = b"EVENT STATE VM/"
_HEARTBEAT_S: Final = 5.0
_SILENT_S: Final = 15.0
"""A publisher that does not answer a heartbeat for so long is lost."""
_LOOK_S: Final = 0.05
_QUEUED: Final = 2_048
"""Pieces of a connection that wait here, each of 8 KiB at most: 16 MiB. With more of them nothing more is
read from it, and the publisher drops what it cannot send, without a word."""
_SUBSCRIBED_S: Final = 0.5
"""A publisher begins to send soon after its connection is ready, when it has read the subscription."""
_REST_S: Final = 1.0
"""What a publisher sent before its connection ended is taken for so long: it may say why it ended it."""
_MOST_TAGS: Final = 20_000
"""Tags and attributes of an event, which any user may write into a VM: they are decoded in the event loop. As
many take 20 ms there; a VM has some 200."""
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
        with zmq.asyncio.Context() as context, context.socket(zmq.STREAM) as socket:
            socket.linger = 0
            socket.set(zmq.RCVHWM, _QUEUED)
            try:
                await self._receive(socket)
            except CollectError as error:
                raise self._events.end(error) from error
            finally:
                socket.disable_monitor()

    def take(self, parts: list[bytes]) -> Outcome:
        """Decode, apply and count one message; it never raises."""
        name, outcome = OTHER, Outcome.MALFORMED
        with suppress(*_UNDECODED):
            key, message = parts
            name = key.removeprefix(b"EVENT STATE ").decode("ascii").rpartition("/")[0]
            text = base64.b64decode(message).decode("utf-8")
            if tags(text) > _MOST_TAGS:
                raise ValueError("more tags than an event has")
            found = root(text).find("VM")
            if found is None:
                raise ValueError("no VM")
            outcome = self._hear(found)
        self._events.count(name if name in EVENTS else OTHER, outcome)
        return outcome

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        try:
            with socket.get_monitor_socket(zmq.Event.DISCONNECTED) as monitor:
                publishers = [_Publisher(url, number) for number, url in enumerate(self._urls)]
                urls = dict[str, str]()
                for one in publishers:
                    address = await _address(one.url)
                    urls[address] = one.url
                    socket.set(zmq.IPV6, "[" in address)
                    socket.set(zmq.CONNECT_ROUTING_ID, one.key)
                    socket.connect(address)
                await _first_end(
                    self._take_all(socket, publishers), self._watch(socket, publishers), _lost(monitor, urls)
                )
        except zmq.ZMQError as error:
            raise CollectError(Reason.UNAVAILABLE, f"ZeroMQ: {error}") from error

    async def _take_all(self, socket: zmq.asyncio.Socket, publishers: Sequence["_Publisher"]) -> None:
        by_key = {one.key: one for one in publishers}
        while True:
            key, piece = await socket.recv_multipart()
            one = by_key[key]
            for parts in one.feed(piece):
                self.take(parts)
            await _send(socket, one, one.stream.answers())
            await asyncio.sleep(0)  # what is there already is received without a turn for others

    async def _watch(self, socket: zmq.asyncio.Socket, publishers: Sequence["_Publisher"]) -> None:
        """Wait for all publishers; then send heartbeats, until one does not answer."""
        waits_until = time.monotonic() + CONNECT_S
        while lacking := [one.url for one in publishers if not one.stream.is_ready]:
            if time.monotonic() > waits_until:
                what = f"{', '.join(sorted(lacking))}: no publisher within {CONNECT_S:.3g} s"
                raise CollectError(Reason.UNAVAILABLE, what)
            await asyncio.sleep(_LOOK_S)
        await asyncio.sleep(_SUBSCRIBED_S)
        self._events.begin()
        log.info("events arrive publishers=%s", ",".join(self._urls))
        while True:
            for one in publishers:
                one.check()
                await _send(socket, one, one.stream.ping())
            await asyncio.sleep(_HEARTBEAT_S)


class _Publisher:
    """A connection. Attributes: key: By which libzmq knows it."""

    def __init__(self, url: str, number: int) -> None:
        self.url, self.key = url, f"publisher {number}".encode()
        self.stream = Stream(_KEY)
        self._is_connected, self._last = False, 0.0

    def feed(self, piece: bytes) -> list[list[bytes]]:
        """As Stream.feed. Raises CollectError."""
        self._last = time.monotonic()
        if not piece and self._is_connected:  # libzmq says so of an end, and of a new beginning
            raise _lost_one(self.url)
        self._is_connected = True
        try:
            return self.stream.feed(piece)
        except ValueError as error:
            raise CollectError(Reason.MALFORMED, f"{self.url}: {error}") from error

    def check(self) -> None:
        """Raise CollectError if it has been silent for too long: it did not answer heartbeats."""
        if time.monotonic() - self._last > _SILENT_S:
            raise _lost_one(self.url, f": no answer for {_SILENT_S:.3g} s")


async def _address(url: str) -> str:
    """The same with the address of its host, IPv4 if it has one. Raises CollectError.

    libzmq is silent about names that it does not find, and looks for IPv4 or IPv6 alone.
    """
    place = URL(url)
    try:
        async with asyncio.timeout(CONNECT_S):
            look_up = asyncio.get_running_loop().getaddrinfo
            found = await look_up(place.host, None, type=SOCK_STREAM)
    except OSError as error:  # also TimeoutError
        what = f"{url}: {error.strerror or 'the name server does not answer'}"
        raise CollectError(Reason.UNAVAILABLE, what) from error
    family, *_, (host, *_) = min(found, key=lambda one: one[0] == AF_INET6)
    return f"tcp://[{host}]:{place.port}" if family == AF_INET6 else f"tcp://{host}:{place.port}"


async def _first_end(*waits: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends. Raises its error, of several that of the first."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for one in tasks:
            if one.done():
                one.result()
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: zmq.asyncio.Socket, to: "_Publisher", content: bytes) -> None:
    """Send, unless there is nothing to send. Raises zmq.ZMQError if the publisher takes nothing."""
    if content:
        await socket.send_multipart([to.key, content], zmq.DONTWAIT)


async def _lost(monitor: zmq.asyncio.Socket, urls: Mapping[str, str]) -> None:
    """Wait for the first connection that is lost, and until what came before should be taken.

    The monitor is ahead of what the connection has brought. Args: urls: By address. Raises CollectError.
    """
    found = parse_monitor_message(await monitor.recv_multipart())
    await asyncio.sleep(_REST_S)
    address = found["endpoint"].decode("utf-8", "replace")
    raise _lost_one(urls.get(address, address))


def _lost_one(url: str, why: str = "") -> CollectError:
    return CollectError(Reason.UNAVAILABLE, f"{url}: the connection is lost{why}")
