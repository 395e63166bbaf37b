"""What an operator changes in the rules: one file in YAML, read strictly."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from stratoscope.core import files, yaml_file
from stratoscope.core.config import decode, known_keys
from stratoscope.core.errors import ConfigError
from stratoscope.rules import thresholds

_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
OWN: Final = frozenset({
    "alertmanager", "alertname", "backend", "binary", "blame", "cause", "check", "clock", "cloud",
    "collector", "downtime_id", "exporter", "flavor", "host", "instance", "ip_version", "job", "kind",
    "network_id", "network_name", "of", "phase", "pool", "probe", "project_id", "pythonversion",
    "reason", "resource", "scope", "service", "severity", "sloth_id", "sloth_service", "sloth_severity",
    "sloth_slo", "sort", "source", "state", "uri", "user_id", "version", "vm_id", "vm_name", "zone",
})  # fmt: skip
"""Labels of the alerts themselves. With another value two would be one, and neither fires."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Watched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose VMs the alerts on single payloads are for; without one these alerts are silent.

    Attributes:
        projects: Ids of projects, with that of the cloud as `CLOUD/ID` where clouds have the same ids.
        flavors: Names of flavors.
    """

    projects: list[_Name] = []
    flavors: list[_Name] = []


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values file.

    Attributes:
        thresholds: By name; what is left out has its default.
        runbook_url: What stands before `NAME.md` in the runbook's address of an alert.
        labels: Further labels of every alert.
        alerts: By name: whether it is written at all.
        compat: Whether records with the names of other exporters are written, too.
    """

    thresholds: dict[str, float] = {}
    watched: Watched = Watched()
    runbook_url: _Name = "docs/runbooks/"
    labels: dict[str, _Name] = {}
    alerts: dict[str, bool] = {}
    compat: bool = False


def read(path: Path, alerts: Iterable[str]) -> Values:
    """The values of a file. Of `alerts`, which the bundle has, single ones can be left out.

    Raises:
        ConfigError: The file cannot be read, or a key is wrong; it names the key and what is allowed.
    """
    content = yaml_file.document(files.read(path, "--values"), path)
    try:
        values = decode(Values, {} if content is None else content, "")
        known_keys(values.thresholds, thresholds.known(), "thresholds", "unknown threshold")
        for name, value in values.thresholds.items():
            thresholds.check(name, value)
        known_keys(values.alerts, alerts, "alerts", "unknown alert")
        for one in values.watched.projects:
            _check_project(one)
        for label, text in values.labels.items():
            _check_label(label)
            _check_text(f"labels.{label}", text)
        _check_text("runbook_url", values.runbook_url)
        _check_beginning(values.runbook_url)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return values


def _check_project(text: str) -> None:
    if not re.search("^(.+/)?[^/]+$", text):
        raise ConfigError(f"watched.projects: {text}: no project; allowed: its ID, or CLOUD/ID")


def _check_label(name: str) -> None:
    if not _LABEL.match(name) or name.startswith("__"):
        raise ConfigError(f"labels: {name}: no name of a label; allowed: letters, digits and _, such as team")
    if name in OWN:
        raise ConfigError(f"labels: {name}: the rules give it; allowed: other labels, such as team")


def _check_text(key: str, text: str) -> None:
    if "{{" in text:
        raise ConfigError(f"{key}: a template; allowed: a text without {{{{")


def _check_beginning(url: str) -> None:
    if url[-1].isalnum():
        raise ConfigError(f"runbook_url: {url}NAME.md is no address; allowed: such as {url}/")
