"""Alertmanager of the demo: the configuration that is shipped, whose receivers get nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.demo.show.asking import NoAnswerError, get, get_json
from stratoscope.demo.show.servers import Server

START_S: Final = 20
_PORT: Final = 9093
_WAIT: Final = "5s"
"""Alertmanager knows an alert at once; after this time it would notify."""


def server(folder: Path, program: Sequence[str | Path], shipped: Path) -> Server:
    """It, not started yet.

    Args:
        folder: For its files.
        program: The words that start it.
        shipped: The configuration that is shipped.
    """
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps(quiet(yaml.safe_load(shipped.read_text(encoding="utf-8")))))
    flags = [
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    return Server("alertmanager", [*program, *flags], _PORT, folder)


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
    try:
        return b"amtool" not in get(f"{at}/")
    except NoAnswerError:
        return False


def page(at: str) -> str:
    """The address at which it shows what is silenced; without pages, that of the alerts as JSON."""
    return f"{at}/{'#/alerts?silenced=true' if has_page(at) else 'api/v2/alerts?active=false'}"


def is_silenced(at: str, alert: str, host: str) -> bool:
    """Whether a silence mutes this alert on this host. Raises NoAnswerError."""
    found = get_json(f"{at}/api/v2/alerts?silenced=true&active=false")
    muted = (one["labels"] for one in found if one["status"]["silencedBy"])
    return any((one["alertname"], one.get("host")) == (alert, host) for one in muted)
