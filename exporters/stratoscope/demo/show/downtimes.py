"""A downtime of a host that is down, filed by the command line as a person would."""

import json
import shlex
import shutil
import sys
import threading
from pathlib import Path
from typing import Final

from stratoscope.demo.show import clouds
from stratoscope.demo.show.children import DemoError, run, stratoscope
from stratoscope.demo.show.exporters import PORTS

TYPED: Final = (
    "downtime",
    "add",
    "now for 2h",
    "--title=its switch is replaced",
    "--match",
    f"cloud={clouds.OPENSTACK.name}",
    f"host={clouds.DOWN}",
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


def typed(at: str) -> str:
    """What a person would type where the demo was started. Args: at: As for `file`."""
    elsewhere = () if at == f"http://127.0.0.1:{PORTS['downtime']}" else (f"--url={at}",)
    return shlex.join((*_program(), *TYPED, *elsewhere))


def _program() -> tuple[str, ...]:
    """The command as the demo itself was started: by PATH, by a path, or as a module."""
    given = Path(sys.argv[0])
    if given.name != "stratoscope":
        return sys.executable, "-m", "stratoscope"
    found = shutil.which(given.name)
    # `make` has .venv/bin on its PATH, and names it all the same: a person has it not.
    is_on_path = given.is_absolute() and found is not None and given.samefile(found)
    return (given.name if is_on_path else str(given),)
