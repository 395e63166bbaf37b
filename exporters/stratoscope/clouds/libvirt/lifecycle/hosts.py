"""Where probes create VMs: the URIs of an entry, each by connections of its own that may write."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from stratoscope.clouds.libvirt.config import LibvirtCloud, is_in_process, is_local
from stratoscope.clouds.libvirt.connection import Connection, connect_to_write
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.errors import translated
from stratoscope.core.singleflight import consume_exception

R = TypeVar("R")

_KEPT: Final = 2
_MOST: Final = 32
"""Calls at once to one URI, those that hang included."""


class WritableHost:
    """One URI.

    Attributes:
        host: The label `host` of its VMs.
        is_here: Its files are those of this machine.
        consoles: Those that are read, by the id of their VM.
    """

    def __init__(self, cloud: LibvirtCloud, uri: str, connect: Callable[[str], Connection]) -> None:
        self.uri, self.host = uri, cloud.host_of(uri)
        self.is_here = is_local(uri) or is_in_process(uri)
        self.consoles: dict[str, Console] = {}
        self._connections = Connections(uri, kept=_KEPT, most=_MOST, connect=connect)

    async def ask(self, call: Callable[[Connection], R]) -> R:
        """The outcome of a call, which may be made twice. Raises StepError."""
        with translated():
            return await self._connections.start(call)

    async def ask_anew(self, call: Callable[[Connection], R]) -> R:
        """The outcome of a call over a new connection, made once. Raises StepError."""
        with translated():
            return await self._connections.start_anew(call)

    async def resume(self, console: Console) -> None:
        """Resume a domain, whose console is read from then on. Raises StepError."""
        with translated():
            opening = self._connections.start_own(console.open)
            self.consoles[console.uuid] = console
            try:
                await asyncio.shield(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(consume_exception)
                opening.add_done_callback(lambda _: self._close(console))  # also if `end` was called before
                raise

    async def is_open(self, console: Console) -> bool:
        """Whether the connection of a console is there, as far as this side knows. Raises StepError."""
        with translated():
            connection = console.connection
            return connection is not None and await self._connections.start_check(connection)

    def end(self, uuid: str) -> None:
        """Read the console of a domain no more, if it is read; it is closed in a thread."""
        if (console := self.consoles.get(uuid)) is not None:
            self._close(console)

    def _close(self, console: Console) -> None:
        self.consoles.pop(console.uuid, None)
        if console.connection is not None:
            self._connections.end_own(console.connection, console.close)

    async def close(self) -> None:
        for uuid in [*self.consoles]:
            self.end(uuid)
        await self._connections.close()


class WritableCloud:
    """The URIs of an entry.

    Attributes:
        hosts: In the order of the entry.
        host_of: By the id of a VM: where it was created, or seen.
    """

    budget: Final = None

    def __init__(self, cloud: LibvirtCloud, connect: Callable[[str], Connection] = connect_to_write) -> None:
        self.hosts: Sequence[WritableHost] = [WritableHost(cloud, uri, connect) for uri in cloud.uris]
        self.host_of: dict[str, WritableHost] = {}

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in self.hosts))


async def each(hosts: Sequence[WritableHost], call: Callable[[Connection], R]) -> Sequence[R]:
    """The outcome of a call at all hosts at once, in their order. Raises StepError if it fails at one."""
    return await asyncio.gather(*(one.ask(call) for one in hosts))
