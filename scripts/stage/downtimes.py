"""A downtime of a host that is down, filed by the command line, and its silence in Debian's Alertmanager."""

import json
import shlex
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stage.children import BIN, ROOT, Child, DemoError, get, is_ready, start_exporter, wait_until
from stage.questions import ask

QUIET = "route: {receiver: none, group_wait: 10s}\nreceivers: [{name: none}]\n"
"""It notifies nobody."""
FAILED = "stratoscope_management_service_up == 0 and stratoscope_management_service_enabled == 1"
ALERT = {"alert": "ServiceDown", "expr": FAILED, "labels": {"severity": "critical"}}
START_S, FOLLOWED_S = 20, 30


@dataclass(frozen=True, slots=True)
class Downtimes:
    """What runs: the exporter, and Alertmanager or the reason why there is none."""

    exporter: Child
    alertmanager: Child | None
    why_not: str = ""

    @property
    def children(self) -> list[Child]:
        return [one for one in (self.alertmanager, self.exporter) if one is not None]


def start(folder: Path, cloud: Path, ports: Mapping[str, int], stop: threading.Event) -> Downtimes:
    """Both. Args: cloud: The configuration with the embedded cloud, whose hosts are watched."""
    of_alerts, why_not = alertmanager(folder, ports["alertmanager"], stop)
    section: dict[str, Any] = {"hosts_off": {"clouds": ["demo"]}}
    if of_alerts is not None:
        url = f"http://127.0.0.1:{ports['alertmanager']}"
        section["alertmanagers"] = [{"name": "demo", "urls": [url]}]
    config = folder / "downtime.yml"
    config.write_text(f"{cloud.read_text()}\ndowntime: {json.dumps(section)}\n")
    state = f"--storage.path={folder / 'downtime'}"
    exporter = start_exporter(folder, "downtime", config, ports["downtime"], state)
    return Downtimes(exporter, of_alerts, why_not)


def alertmanager(folder: Path, port: int, stop: threading.Event) -> tuple[Child | None, str]:
    """It, once it is ready; or None and why it does not run here."""
    found = subprocess.run(
        [ROOT / "scripts" / "get-debian", "alertmanager"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        return None, found.stderr.strip()
    config = folder / "alertmanager.yml"
    config.write_text(QUIET)
    flags = [
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    child = Child(
        "alertmanager", [ROOT / "scripts" / "run-alertmanager", found.stdout.strip(), *flags], folder
    )
    try:
        wait_until(child, partial(is_ready, f"http://127.0.0.1:{port}"), stop, START_S)
    except DemoError as error:
        child.stop()
        return None, str(error)
    return child, ""


def show(running: Downtimes, at: Mapping[str, str], stop: threading.Event) -> None:
    """File a downtime of a host whose service has failed, and say what Alertmanager then does."""
    failed = ask(at["prometheus"], FAILED)
    host = failed[0]["metric"]["host"] if failed else "node-1"
    typed = [
        "downtime",
        "add",
        "now for 2h",
        "--title=its switch is replaced",
        "--match",
        "cloud=demo",
        f"host={host}",
    ]
    print("What is down on purpose? The command line files a downtime of a host that has failed")
    print(f"    stratoscope {shlex.join(typed)}")
    command: list[str | Path] = [BIN / "stratoscope", *typed, "--json", f"--url={at['downtime']}"]
    filed = subprocess.run(command, capture_output=True, text=True, check=False)
    if filed.returncode:
        raise DemoError(f"the downtime was not filed: {filed.stderr.strip()}")
    print(f"    {at['downtime']}/downtimes/{json.loads(filed.stdout)['id']}")
    if running.alertmanager is None:
        print(f"    without a silence: Alertmanager does not run here: {running.why_not}", flush=True)
        return
    wait_until(running.exporter, partial(_is_suppressed, at["alertmanager"]), stop, FOLLOWED_S)
    silences = json.loads(get(f"{at['alertmanager']}/api/v2/silences"))
    mine = next(one for one in silences if one["comment"].startswith("its switch"))
    firing, quiet = (len(_alerts(at["alertmanager"], is_silenced=on)) for on in (False, True))
    print(f"    Alertmanager has its silence, {quiet} alerts are suppressed, {firing} are not")
    print(f"    {at['alertmanager']}/#/silences/{mine['id']}", flush=True)


def _is_suppressed(alertmanager: str) -> bool:
    return bool(_alerts(alertmanager, is_silenced=True))


def _alerts(alertmanager: str, *, is_silenced: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        get(f"{alertmanager}/api/v2/alerts?silenced=true&active={str(not is_silenced).lower()}")
    )
    return [one for one in found if (one["status"]["state"] == "suppressed") is is_silenced]
