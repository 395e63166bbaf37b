"""The configurations that the examples show, with servers of a test."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.rules import bundle
from stratoscope.rules.values import Values
from support.debian import ROOT
from support.notified import Webhook
from support.prometheus_process import RealPrometheus, Target

_NOBODY: Final = "nobody"
"""The receiver of what nobody is notified of."""
_DEFAULTS: Final = Values()


def alerting(hook: Webhook, **route: str) -> str:
    """The example of Alertmanager's configuration, which tells the webhook. Args: route: For all routes."""
    config = _example("alertmanager/alertmanager.yml")
    config["receivers"] = [
        {"name": one["name"]} | ({} if one["name"] == _NOBODY else {"webhook_configs": [{"url": hook.url}]})
        for one in config["receivers"]
    ]
    for one in _routes(config["route"]):
        one.update(route)
    del config["templates"]
    return json.dumps(config)


def _routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A route, and all below it."""
    yield route
    for one in route.get("routes", ()):
        yield from _routes(one)


def scraping(
    folder: Path, targets: Sequence[Target], alertmanager: str, values: Values = _DEFAULTS
) -> RealPrometheus:
    """A Prometheus with the rules, and the intervals of the example."""
    groups = [group for text in bundle.files(values).values() for group in yaml.safe_load(text)["groups"]]
    return RealPrometheus(
        folder,
        alertmanager=alertmanager,
        rules={"groups": groups},
        targets=targets,
        settings=_example("prometheus/prometheus.example.yml"),
    )


def _example(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return found
