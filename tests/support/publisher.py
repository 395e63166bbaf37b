"""The publisher of a hook manager of oned, on loopback."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zmq
import zmq.asyncio

_MESSAGE: Final = (
    "<HOOK_MESSAGE><HOOK_TYPE>STATE</HOOK_TYPE><HOOK_OBJECT>VM</HOOK_OBJECT><STATE>{}</STATE>"
    "<LCM_STATE>{}</LCM_STATE><RESOURCE_ID>{}</RESOURCE_ID>{}</HOOK_MESSAGE>"
)


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
def publisher(address: str = "127.0.0.1") -> Iterator[Publisher]:
    with zmq.asyncio.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.set(zmq.IPV6, "[" in address)
        port = socket.bind_to_random_port(f"tcp://{address}")
        one = Publisher(socket, f"tcp://{address}:{port}")
        try:
            yield one
        finally:
            one.end()
