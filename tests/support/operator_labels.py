"""The rules' tests of promtool, with series as the Prometheus operator has them scraped."""

import re
from collections.abc import Mapping
from typing import Any, Final

_SERIES: Final = re.compile(r"^([a-zA-Z_:][\w:]*)?(?:\s*\{(.*)\})?$", re.DOTALL)
_OF_HOSTS: Final = re.compile(r'^stratoscope_hypervisor_|\b(job|exporter)="(stratoscope-)?hypervisor"')
_EMPTY: Final = re.compile(r'\b\w+="",?\s*')
OPERATOR: Final = ("namespace", "pod", "container", "endpoint", "node")
"""Labels of targets that the operator sets, and that no example of ours has."""
_WITHOUT: Final = f"sum without ({', '.join(OPERATOR)})"


def as_the_operator(tests: Mapping[str, Any]) -> dict[str, Any]:
    """The same tests with series that have the operator's labels, by which nothing is told apart.

    Annotations of alerts are not compared.
    """
    return {**tests, "tests": [_as_the_operator(one) for one in tests["tests"]]}


def labelled(series: str) -> str:
    """A series of an exporter with the operator's labels: hosts have a namespace of their own. No records."""
    name, labels = _parts(series)
    if ":" in name or name == "ALERTS":
        return series
    namespace = "hosts" if _OF_HOSTS.search(series) else "monitoring"
    values = {"namespace": namespace, "pod": f"{namespace}-x7k2p", "container": "exporter"}
    more = {label: values.get(label, "metrics") for label in OPERATOR}
    added = [
        f'{label}="{value}"' for label, value in more.items() if f"{label}=" not in labels.replace(" ", "")
    ]
    return f"{name}{{{', '.join(filter(None, [labels.rstrip(', '), *added]))}}}"


def _as_the_operator(test: Mapping[str, Any]) -> dict[str, Any]:
    asked = [_asked(one) for one in test.get("promql_expr_test", ())]
    fired = [_fired(one) for one in test.get("alert_rule_test", ())]
    series = [{**one, "series": labelled(one["series"])} for one in test.get("input_series", ())]
    kept = {key: value for key, value in test.items() if key != "alert_rule_test"}
    return {**kept, "input_series": series, "promql_expr_test": [*asked, *fired]}


def _asked(test: Mapping[str, Any]) -> dict[str, Any]:
    samples = [
        {**one, "labels": _without_name(one.get("labels") or "{}")} for one in test.get("exp_samples") or ()
    ]
    return {**test, "expr": f"{_WITHOUT} ({test['expr']})", "exp_samples": samples}


def _fired(test: Mapping[str, Any]) -> dict[str, Any]:
    """The alerts that fire, as the series which Prometheus makes of them: one each."""
    name = test["alertname"]
    samples = []
    for one in test.get("exp_alerts") or ():
        labels = {"alertname": name, "alertstate": "firing", **one.get("exp_labels", {})}
        text = ", ".join(f"{label}={_quoted(str(value))}" for label, value in labels.items())
        samples.append({"labels": f"{{{text}}}", "value": 1})
    expr = f'{_WITHOUT} (ALERTS{{alertname="{name}", alertstate="firing"}})'
    return {"expr": expr, "eval_time": test["eval_time"], "exp_samples": samples}


def _without_name(series: str) -> str:
    """As a sum has it, with no label that is empty."""
    return f"{{{re.sub(_EMPTY, '', _parts(series)[1])}}}"


def _parts(series: str) -> tuple[str, str]:
    """Name, and labels as they are written."""
    found = _SERIES.match(series.strip())
    assert found is not None, series
    return found[1] or "", found[2] or ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
