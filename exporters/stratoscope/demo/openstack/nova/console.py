"""What a server's console shows: the action os-getConsoleOutput."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.world.models import VM

_TYPE: Final = b"ssh-ed25519"


def console_output(request: Request, vm: VM, _: object) -> Response:
    """What a VM's console has by now."""
    if vm.host is None:
        raise HttpError(409, f"Instance {vm.id} is not ready")
    if vm.launched is None:
        raise HttpError(404, "Guest does not have a console available.")
    lines = [line for second, line in _boot(vm) if vm.booted + second <= request.now]
    return Response({"output": "\n".join(lines)})


def _boot(vm: VM) -> Iterator[tuple[float, str]]:
    """The lines of a boot, each with the second after its beginning; a VM's host key is always the same."""
    name, point = vm.name.lower(), hashlib.sha256(vm.id.encode()).digest()
    key = b"".join(len(part).to_bytes(4, "big") + part for part in (_TYPE, point))
    fingerprint = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    yield 0.1, "[    0.000000] Linux version 6.12.48-cloud-amd64 (demo) #1 SMP PREEMPT_DYNAMIC"
    yield 1.2, "[    1.104417] EXT4-fs (vda1): mounted filesystem ro with ordered data mode."
    for line in (
        "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
        f"256 SHA256:{fingerprint} root@{name} (ED25519)",
        "-----END SSH HOST KEY FINGERPRINTS-----",
    ):
        yield 2.6, f"<14>Jan  1 00:00:02 cloud-init: {line}"
    yield 2.6, "-----BEGIN SSH HOST KEY KEYS-----"
    yield 2.6, f"{_TYPE.decode()} {base64.b64encode(key).decode()} root@{name}"
    yield 2.6, "-----END SSH HOST KEY KEYS-----"
    yield 3.0, "Cloud-init v. 25.1.4 finished at Thu, 01 Jan 2026 00:00:03 +0000. Up 3.02 seconds"
    yield 3.2, f"{name} login: "
