"""An oned of many VMs, answered with bytes that were made before.

`python one_server.py 10000` is such a server on a free port, which it prints; `serving` starts one. Each VM
is one that was recorded, with another name, owner, host and address; the answer to `infoset` is as large as a
real one. Of a hundred VMs one is in another state each time that the pool is read.
"""

import contextlib
import re
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from html import escape
from typing import Final

from aiohttp import web
from from_tests import recorded_of_oned

SESSION: Final = "oneadmin:bench"
_HEAD: Final = (
    b'<?xml version="1.0"?><methodResponse><params><param><value><array><data>'
    b"<value><boolean>1</boolean></value><value><string>"
)
_TAIL: Final = (
    b"</string></value><value><i4>0</i4></value></data></array></value></param></params></methodResponse>"
)
CHANGES: Final = 100
"""One VM of so many is another each time that the pool is read."""
_STATES: Final = ((b"3", b"3"), (b"8", b"0"))
"""RUNNING and POWEROFF: of VM and LCM."""
_EXTENDED: Final = 5_000
"""Length of a VM in `infoextended`."""


class Cloud:
    """The answers of an oned with so many VMs."""

    def __init__(self, count: int) -> None:
        (recorded,) = re.findall(r"<VM><ID>259</ID>.*?</VM>", recorded_of_oned("vmpool.info"))
        self._vms = [_escaped(_vm(recorded, number)) for number in range(count, 0, -1)]
        self._turn = -1

    async def answer(self, request: web.Request) -> web.Response:
        params, method = xmlrpc.client.loads(await request.read())
        return web.Response(body=self._body(str(method).removeprefix("one."), params[1:]))

    def _body(self, name: str, params: tuple[object, ...]) -> bytes:
        if name == "vmpool.info":
            start, size = int(str(params[1])), -int(str(params[2]))
            if not start:
                self._change()
            parts = [b"&lt;VM_POOL&gt;", *self._vms[start : start + size], b"&lt;/VM_POOL&gt;"]
        elif name == "vmpool.infoset":
            vms = (_extended(int(one)) for one in str(params[0]).split(","))
            parts = [_escaped(f"<VM_POOL>{''.join(vms)}</VM_POOL>")]
        else:
            file = f"{name}-{params[0]}" if name == "vn.info" else name
            parts = [_escaped(recorded_of_oned(file))]
        return b"".join([_HEAD, *parts, _TAIL])

    def _change(self) -> None:
        self._turn += 1
        for place in range(self._turn % CHANGES, len(self._vms), CHANGES):
            now, other = _STATES if _states(*_STATES[0]) in self._vms[place] else reversed(_STATES)
            self._vms[place] = self._vms[place].replace(_states(*now), _states(*other), 1)


def _states(vm: bytes, lcm: bytes) -> bytes:
    return b"&lt;STATE&gt;%b&lt;/STATE&gt;&lt;LCM_STATE&gt;%b&lt;/LCM_STATE&gt;" % (vm, lcm)


def _vm(recorded: str, number: int) -> str:
    """The recorded VM, made the one of this number."""
    changed = {
        "<ID>259</ID>": f"<ID>{number}</ID>",
        "<UID>0</UID><GID>0</GID>": f"<UID>{number % 300}</UID><GID>{number % 50}</GID>",
        "<NAME>admin-4599-199</NAME>": f"<NAME>vm-{number:06}.example.org</NAME>",
        "[dummy-a1]": f"[compute-{number % 200:03}.example.org]",
        "10.3.0.11": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
    }
    for old, new in changed.items():
        recorded = recorded.replace(old, new)
    return recorded


def _extended(number: int) -> str:
    ids = f"<ID>{number}</ID><TEMPLATE><TEMPLATE_ID>0</TEMPLATE_ID>"
    return f"<VM>{ids}<CONTEXT>{'x' * _EXTENDED}</CONTEXT></TEMPLATE></VM>"


def _escaped(text: str) -> bytes:
    return escape(text, quote=False).encode()


@contextlib.contextmanager
def serving(count: int) -> Iterator[str]:
    """The endpoint of such an oned, meanwhile, in a process of its own."""
    command = [sys.executable, __file__, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _start(count: int) -> web.Application:
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/RPC2", Cloud(count).answer)
    return app


def main() -> None:

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/RPC2", flush=True)
        web.run_app(_start(int(sys.argv[1])), sock=listener, print=None)


if __name__ == "__main__":
    main()
