"""Alertmanager of the demo: the configuration that is shipped, whose receivers get nothing."""

import json
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.demo.show.asking import get, is_ready
from stratoscope.demo.show.children import Child, DemoError, wait_until

_START_S: Final = 20
_WAIT: Final = "5s"
"""Alertmanager knows an alert at once; after this time it would notify."""


def start(
    folder: Path, program: Sequence[str | Path], port: int, shipped: Path, stop: threading.Event
) -> tuple[Child | None, str]:
    """It, once it is ready; or None and why it does not run here.

    Args:
        folder: For its files.
        program: The words that start it.
        port: Where it listens.
        shipped: The configuration that is shipped.
        stop: Ends the waiting.
    """
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps(quiet(yaml.safe_load(shipped.read_text(encoding="utf-8")))))
    flags = [
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    child = Child("alertmanager", [*program, *flags], folder)
    try:
        wait_until(child, partial(is_ready, f"http://127.0.0.1:{port}"), stop, _START_S)
    except DemoError as error:
        end(child)
        return None, str(error)
    except BaseException:
        end(child)
        raise
    return child, ""


def end(child: Child) -> None:
    child.end()
    child.wait()


def quiet(document: Mapping[str, Any]) -> dict[str, Any]:
    """The routes and the inhibition of a configuration, with receivers that get nothing."""
    receivers = [{"name": one["name"]} for one in document["receivers"]]
    return {
        "route": {**document["route"], "group_wait": _WAIT},
        "inhibit_rules": document["inhibit_rules"],
        "receivers": receivers,
    }


def has_page(at: str) -> bool:
    """Whether it has pages for people: Debian's says that it has none."""
    return b"amtool" not in get(f"{at}/")


def is_silenced(at: str, alert: str, host: str) -> bool:
    """Whether a silence mutes this alert on this host."""
    found = json.loads(get(f"{at}/api/v2/alerts?silenced=true&active=false"))
    muted = (one["labels"] for one in found if one["status"]["silencedBy"])
    return any((one["alertname"], one.get("host")) == (alert, host) for one in muted)
