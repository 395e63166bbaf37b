"""The copy of the rules in which time goes faster."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stratoscope.rules import bundle, thresholds
from stratoscope.rules.values import Values
from support.faster_rules import DIVIDED, KEPT, evaluated_every, faster, looks_back

TEXTS = bundle.files(Values())


def changed(expression: str, factor: float = 10, **rule: Any) -> dict[str, Any]:
    """One rule of a faster bundle that is scraped every two seconds."""
    text = json.dumps({"groups": [{"name": "a", "rules": [{"record": "r", "expr": expression, **rule}]}]})
    found: dict[str, Any] = faster({"a.yml": text}, factor, scraped_every_s=2)["groups"][0]["rules"][0]
    return found


def promtool(*arguments: object) -> str:
    tool = shutil.which("promtool")
    assert tool is not None, "promtool is not on PATH; `make tools` gets it"
    done = subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rate(x_total[5m])", "rate(x_total[30s])"),
        ("rate(x_total[1h30m])", "rate(x_total[540s])"),
        ("rate(x_total[1m])", "rate(x_total[8s])"),
        ("rate(x_total[4s])", "rate(x_total[4s])"),
        ("max_over_time(x[1d:5m])", "max_over_time(x[8640s:30s])"),
        ("max_over_time(x[1d:])", "max_over_time(x[8640s:])"),
        ("x offset 12h > x[1d] offset -1w", "x offset 4320s > x[8640s] offset -60480s"),
        ('x{text="[5m] offset 1h"} or "\\"[5m]"', 'x{text="[5m] offset 1h"} or "\\"[5m]"'),
        ("vm:x:rate5m * 60", "vm:x:rate5m * 60"),
        ("60 * sum_over_time(vm:x:rate5m[30m])", "6 * sum_over_time(vm:x:rate5m[180s])"),
        ("max_over_time(vm:x:increase4m[1438m]) / 240", "max_over_time(vm:x:increase4m[8628s]) / 24"),
    ],
)
def test_durations_of_an_expression_are_divided_and_nothing_else(before: str, after: str) -> None:
    assert changed(before)["expr"] == after


def test_duration_that_is_not_whole_is_in_milliseconds() -> None:
    assert changed("x", 7, **{"for": "5m"})["for"] == "42857ms"


def test_alert_waits_for_its_part_of_the_time() -> None:
    assert [changed("x", 60, **{"for": text})["for"] for text in ("30m", "1d", "0s")] == [
        "30s",
        "1440s",
        "0s",
    ]


def test_group_is_evaluated_every_second_at_most() -> None:
    text = json.dumps({"groups": [{"name": one, "interval": one, "rules": []} for one in ("4m", "20s")]})
    found = faster({"a.yml": text}, 30, scraped_every_s=1)["groups"]
    assert [group["interval"] for group in found] == ["8s", "1s"]


def test_group_that_counts_days_of_utc_stays_as_it_is() -> None:
    group = {"name": "a", "rules": [{"record": "r", "expr": "sum_over_time(x[1d]) / 86400"}]}
    assert faster({"a.yml": json.dumps({"groups": [group]})}, 10, scraped_every_s=1)["groups"] == [group]


def test_threshold_that_is_a_time_is_divided_and_others_are_not() -> None:
    rules = faster(TEXTS, 10, scraped_every_s=1)["groups"]
    found = {rule["record"]: rule["expr"] for group in rules for rule in group["rules"] if "record" in rule}
    known = thresholds.known()
    assert found["global:vm_transition_seconds:threshold"] == (
        f"vector({known['vm_transition_seconds'].value / 10!r})"
    )
    for name in ("steal_ratio", "clock_skew_seconds"):
        assert found[f"global:{name}:threshold"] == f"vector({known[name].value!r})"


def test_every_threshold_in_seconds_is_said_to_be_divided_or_kept() -> None:
    in_seconds = {name for name in thresholds.known() if name.endswith("_seconds")}
    assert in_seconds <= DIVIDED | set(KEPT)
    assert not DIVIDED & set(KEPT)


def test_prometheus_goes_faster_too() -> None:
    assert (evaluated_every(30), looks_back(30, 1), looks_back(300, 1)) == (2, 10, 4)


def test_no_number_of_seconds_is_forgotten() -> None:
    groups = faster(TEXTS, 7, scraped_every_s=1)["groups"]
    of_days = [group for group in groups if any(" 86400" in rule["expr"] for rule in group["rules"])]
    forgotten = [
        rule["expr"]
        for group in groups
        if group not in of_days
        for rule in group["rules"]
        if re.search(r"(?<![\w.])(60|120|240|300|600|900|1200|1800|3600)\b", rule["expr"])
        and not rule["expr"].startswith("vector(")
        and '{__name__=~"global:.+:threshold"}' not in rule["expr"]  # how many thresholds there are
    ]
    assert forgotten == []


@pytest.mark.parametrize("factor", [1, 10, 37])
def test_prometheus_takes_the_faster_rules(factor: float, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(faster(TEXTS, factor, scraped_every_s=1)))
    assert promtool("check", "rules", file) == ""


def test_alert_fires_so_much_sooner(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(json.dumps(faster(TEXTS, 60, scraped_every_s=1)))
    alert = {
        "exp_labels": {"severity": "warning", "cloud": "uni", "instance": "a", "job": "hypervisor"},
        "exp_annotations": {
            "summary": "A configuration was rejected: a",
            "description": "The exporter goes on with the configuration before. Its log says what is wrong.",
            "runbook_url": "docs/runbooks/StratoscopeReloadFailed.md",
        },
    }
    series = 'stratoscope_config_last_reload_successful{cloud="uni",instance="a",job="hypervisor"}'
    expected = {"4s": [], "5s": [alert]}
    test = {
        "interval": "1s",
        "input_series": [{"series": series, "values": "0+0x10"}],
        "alert_rule_test": [
            {"eval_time": at, "alertname": "StratoscopeReloadFailed", "exp_alerts": alerts}
            for at, alerts in expected.items()
        ],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1s", "tests": [test]}
    (tmp_path / "test.yml").write_text(json.dumps(document))
    assert promtool("test", "rules", tmp_path / "test.yml") == ""
