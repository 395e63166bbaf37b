"""Alertmanager of the demo: the configuration that is shipped, whose receivers get nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.show.asking import first_page, get_json
from stratoscope.show.processes import Words
from stratoscope.show.servers import Server

START_S: Final = 20
_PORT: Final = 9093
_WAIT: Final = "5s"
"""Alertmanager knows an alert at once; after this time it would notify."""


def server(folder: Path, program: Words, shipped: Path) -> Server:
    """It, not started yet. Args: shipped: The folder with the files that are shipped."""
    config = folder / "alertmanager.yml"
    text = (shipped / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    config.write_text(json.dumps(quiet(yaml.safe_load(text))))
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
    route = {**document["route"], "group_wait": _WAIT}
    return {"route": route, "inhibit_rules": document["inhibit_rules"], "receivers": receivers}


def page(at: str) -> tuple[str, str]:
    """The address at which it shows what is silenced, and how if not on a page: Debian's has none."""
    if first_page([f"{at}/"], b"amtool"):
        return f"{at}/#/alerts?silenced=true", ""
    return _alerts(at), ", as JSON: Debian's has no page"


def _alerts(at: str) -> str:
    return f"{at}/api/v2/alerts?active=false"


def is_silenced(at: str, alert: str, host: str) -> bool:
    """Whether a silence mutes this alert on this host. Raises NoAnswerError."""
    muted = (one["labels"] for one in get_json(_alerts(at)) if one["status"]["silencedBy"])
    return any((one["alertname"], one.get("host")) == (alert, host) for one in muted)
