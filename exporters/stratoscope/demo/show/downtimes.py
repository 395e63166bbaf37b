"""A downtime of a host that is down, filed by the command line as a person would."""

import json
import shlex
import threading
from typing import Final

from stratoscope.demo.show import cloud
from stratoscope.demo.show.children import DemoError, run, stratoscope

TYPED: Final = (
    "downtime",
    "add",
    "now for 2h",
    "--title=its switch is replaced",
    "--match",
    f"cloud={cloud.NAME}",
    f"host={cloud.DOWN}",
)


def file(at: str, stop: threading.Event) -> str:
    """File it; the address of its page. Args: at: The address of the downtime exporter.

    Raises:
        DemoError: It was not taken.
    """
    done = run(stratoscope(*TYPED, "--json", f"--url={at}"), stop)
    if done.status:
        raise DemoError(f"the downtime was not filed: {done.reason}")
    return f"{at}/downtimes/{json.loads(done.output)['id']}"


def typed() -> str:
    """What a person would type."""
    return f"stratoscope {shlex.join(TYPED)}"
