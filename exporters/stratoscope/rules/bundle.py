"""The bundle of rules as files: the sources of this package with an operator's values."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec
import yaml

from stratoscope.rules import VERSION, old_names, thresholds
from stratoscope.rules.values import Values

_SOURCE: Final = resources.files(__package__) / "source"


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is written with its keys in this order."""


class Rule(_Written, frozen=True, kw_only=True, rename={"for_": "for"}):
    """A rule as Prometheus reads it; see "Recording rules" and "Alerting rules" of its documentation."""

    record: str = ""
    alert: str = ""
    expr: str
    for_: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Group(_Written, frozen=True, kw_only=True):
    """Rules that Prometheus evaluates one after the other."""

    name: str
    interval: str
    rules: list[Rule]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the package."""

    groups: list[Group]


@cache
def sources() -> Mapping[str, Sequence[Group]]:
    """The groups of each subject, by the path of its file without `.yml`; thresholds are none of them."""
    return {name: msgspec.yaml.decode(_filled(file), type=Source).groups for name, file in _files(_SOURCE)}


def alerts() -> list[str]:
    """The names of all alerts of the bundle."""
    return [
        rule.alert for groups in sources().values() for group in groups for rule in group.rules if rule.alert
    ]


def files(values: Values) -> dict[str, str]:
    """The texts of the bundle's files by name, such as `hypervisor.yml`, all of one folder."""
    watched = values.watched
    texts = {"thresholds": thresholds.written(values.thresholds, watched.projects, watched.flavors)}
    for name, groups in sources().items():
        if values.compat or not name.startswith("compat/"):
            texts[name] = _dumped([group for one in groups if (group := _of_operator(one, values))["rules"]])
    if kept := old_names.groups(old_names.known()):
        texts[old_names.SUBJECT] = _dumped(kept)
    return {f"{name.replace('/', '_')}.yml": f"{_head(name)}{text}" for name, text in texts.items()}


def _head(name: str) -> str:
    how = "Change thresholds.yml or the values file instead of this one."
    if name == "thresholds":
        how = "The rules in the other files read these records: another value here applies to them."
    return f"# Stratoscope's rules {VERSION}: {name}. Written by `stratoscope rules`.\n# {how}\n"


def _files(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.is_dir() and file.name != "thresholds":
            yield from _files(file, f"{file.name}/")
        elif file.name.endswith(".yml"):
            yield f"{below}{file.name.removesuffix('.yml')}", file


def _filled(file: Traversable) -> str:
    """Its text with what only the bundle as a whole knows."""
    text = file.read_text(encoding="utf-8")
    for name, value in _whole().items():
        text = text.replace(f"@{name}@", value)
    return text


def _whole() -> Mapping[str, str]:
    major, minor, _ = VERSION.split(".")
    fits = f"0\\\\.{minor}\\\\..+" if major == "0" else f"{major}\\\\..+"
    return {"version": VERSION, "fits": fits, "thresholds": str(len(thresholds.known()))}


def _of_operator(group: Group, values: Values) -> dict[str, Any]:
    """The group without the alerts that are left out; the others have labels and runbook."""
    plain: dict[str, Any] = msgspec.to_builtins(group)
    rules = [rule for rule in plain["rules"] if values.alerts.get(rule.get("alert", ""), True)]
    for rule in rules:
        if "alert" in rule:
            rule["labels"] |= values.labels
            rule["annotations"]["runbook_url"] = f"{values.runbook_url}{rule['alert']}.md"
    return plain | {"rules": rules}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - lists are always indented
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _dumped(groups: list[dict[str, Any]]) -> str:
    text: str = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
