"""A host that is off, told to Ganglia by its program gmetric."""

import shlex
import socket
from collections.abc import Mapping
from typing import Any, Final

from stratoscope.downtime.cli.command import printable

_TMAX_S: Final = 300
_DMAX_S: Final = 900
"""After which Ganglia forgets what it was not told again."""


def gmetric(host: Mapping[str, Any]) -> str:
    """A line for a shell: the metric `host_off` of the host is 1.

    Ganglia knows a host by its address and its name; without an address it is a host of its own.
    """
    name, cloud = printable(host["host"]), printable(host["cloud"])
    try:
        address = socket.gethostbyname(name)
    except (OSError, UnicodeError):
        address = name
    return shlex.join(
        [
            "gmetric", "--name=host_off", "--value=1", "--type=uint8", "--group=stratoscope",
            f"--title=switched off in {cloud}", f"--tmax={_TMAX_S}", f"--dmax={_DMAX_S}",
            f"--spoof={address}:{name}",
        ]
    )  # fmt: skip
