"""What a server's console shows: the action os-getConsoleOutput."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.world.models import VM

_TYPE: Final = b"ssh-ed25519"
_RULER: Final = "#" * 61


def console_output(request: Request, vm: VM, argument: object) -> Response:
    """The last `length` lines of a VM's console, or all."""
    if vm.host is None:
        raise HttpError(409, f"Instance {vm.id} is not ready")
    if vm.launched is None:
        raise HttpError(404, "Guest does not have a console available.")
    lines = [line for second, line in _boot(vm) if vm.booted + second <= request.now]
    length = argument.get("length") if isinstance(argument, dict) else None
    if length is not None and str(length).isdecimal():
        lines = lines[-int(str(length)) :] if int(str(length)) else []
    return Response({"output": "\n".join(lines)})


def _boot(vm: VM) -> Iterator[tuple[float, str]]:
    """The lines of a boot, each with the second after its beginning."""
    name = vm.name.lower()
    blob = _key(vm)
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    yield 0.1, "[    0.000000] Linux version 6.12.48-cloud-amd64 (demo) #1 SMP PREEMPT_DYNAMIC"
    yield 0.1, "[    0.000000] Command line: root=/dev/vda1 ro console=tty0 console=ttyS0,115200"
    yield 0.8, "[    0.712034] virtio_net virtio0 ens3: renamed from eth0"
    yield 1.2, "[    1.104417] EXT4-fs (vda1): mounted filesystem ro with ordered data mode."
    yield 2.0, "Cloud-init v. 25.1.4 running 'init' at Thu, 01 Jan 2026 00:00:02 +0000. Up 2.01 seconds."
    for line in (
        _RULER,
        "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
        f"256 SHA256:{fingerprint} root@{name} (ED25519)",
        "-----END SSH HOST KEY FINGERPRINTS-----",
        _RULER,
    ):
        yield 2.6, f"<14>Jan  1 00:00:02 cloud-init: {line}"
    yield 2.6, "-----BEGIN SSH HOST KEY KEYS-----"
    yield 2.6, f"{_TYPE.decode()} {base64.b64encode(blob).decode()} root@{name}"
    yield 2.6, "-----END SSH HOST KEY KEYS-----"
    yield 3.0, "Cloud-init v. 25.1.4 finished at Thu, 01 Jan 2026 00:00:03 +0000. Up 3.02 seconds"
    yield 3.2, ""
    yield 3.2, f"{name} login: "


def _key(vm: VM) -> bytes:
    """A public host key as SSH writes it; the same at every boot of a VM."""
    point = hashlib.sha256(vm.id.encode()).digest()
    return b"".join(len(part).to_bytes(4, "big") + part for part in (_TYPE, point))
