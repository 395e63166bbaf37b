"""The publisher of a hook manager of oned, on loopback."""

import base64
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import zmq
import zmq.asyncio

_MESSAGE: Final = (
    "<HOOK_MESSAGE><HOOK_TYPE>STATE</HOOK_TYPE><HOOK_OBJECT>VM</HOOK_OBJECT><STATE>{}</STATE>"
    "<LCM_STATE>{}</LCM_STATE><RESOURCE_ID>{}</RESOURCE_ID>{}</HOOK_MESSAGE>"
)
_PROGRAM: Final = """
import time, zmq
socket = zmq.Context().socket(zmq.PUB)
print("tcp://127.0.0.1:%d" % socket.bind_to_random_port("tcp://127.0.0.1"), flush=True)
time.sleep(1000)
"""


class Publisher:
    """Attributes: url: Where it publishes."""

    def __init__(self, socket: zmq.asyncio.Socket, url: str) -> None:
        self._socket, self.url = socket, url

    async def says(self, vm_id: str, vm: str, state: str = "ACTIVE", lcm_state: str = "RUNNING") -> None:
        """Publish a state of a VM, with both keys that oned's hook manager has."""
        said = base64.b64encode(_MESSAGE.format(state, lcm_state, vm_id, vm).encode())
        await self.sends(f"EVENT VM {vm_id}/{state}/{lcm_state} ".encode(), said)
        await self.sends(f"EVENT STATE VM/{state}/{lcm_state}/{vm_id} ".encode(), said)

    async def sends(self, *parts: bytes) -> None:
        await self._socket.send_multipart([*parts])

    async def waits(self) -> None:
        """Wait until somebody has subscribed."""
        await self._socket.recv_multipart()

    def end(self) -> None:
        self._socket.close(linger=0)


@contextmanager
def hung_publisher() -> Iterator[tuple[str, Callable[[], None]]]:
    """Where a publisher in a process of its own publishes, and what makes it hang."""
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), lambda: process.send_signal(signal.SIGSTOP)
        finally:
            process.kill()


@contextmanager
def publisher(url: str = "", address: str = "127.0.0.1") -> Iterator[Publisher]:
    """One that publishes.

    Args:
        url: Of one that was there before; by default a port of its own.
        address: Where that port is; IPv6 in brackets.
    """
    with zmq.asyncio.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.set(zmq.IPV6, "[" in address)
        if url:
            socket.bind(url)
        else:
            url = f"tcp://{address}:{socket.bind_to_random_port(f'tcp://{address}')}"
        one = Publisher(socket, url)
        try:
            yield one
        finally:
            one.end()
