"""The bundle: it names what there is, its alerts say what they must, its output is what is committed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stratoscope.__main__ import main
from stratoscope.rules import bundle, thresholds
from stratoscope.rules.bundle import Group
from stratoscope.rules.values import OWN, Values
from support.neutral import spelled_by_a_kind
from support.rule_checks import checked
from support.rules_known import KNOWN, RULES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "prometheus" / "rules"
TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
CLOUDLESS = {
    "StratoscopeThresholdMissing": "it is about the rules themselves",
}
"""Alerts whose aggregations, and those of their cells, may lose the cloud, and why."""
ALWAYS = {"StratoscopeWatchdog"}
COMPAT = "compat/"
"""Below it are rules with the names of other exporters, which are written on request alone."""
SECTIONS = ["## What it means", "## What to look at", "## What to do"]


ALERTS = {rule.alert: rule for rule in RULES.values() if rule.alert}


def alerts_of_tests() -> Iterator[tuple[str, bool]]:
    """The name of an alert in a test of promtool, and whether it fires there."""
    for file in TESTS:
        for test in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["tests"]:
            for case in test.get("alert_rule_test", ()):
                yield case["alertname"], bool(case.get("exp_alerts"))


TESTED = set(alerts_of_tests())


def test_committed_files_are_the_output_with_the_defaults() -> None:
    texts = bundle.files(Values())
    assert not [name for name in texts if name.startswith("compat")], "the command writes them on request"
    committed = {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.yml")
    }
    assert committed == texts, "if that is right, run scripts/rules"


def test_largest_group_is_as_large_as_the_page_for_mimir_says() -> None:
    page = (ROOT / "docs" / "large-sites.md").read_text(encoding="utf-8")
    groups = [
        one
        for text in bundle.files(Values(compat=True)).values()
        for one in yaml.load(text, yaml.CSafeLoader)["groups"]
    ]
    assert f"A group here has up to {max(len(one['rules']) for one in groups)} rules" in page


@pytest.mark.parametrize("name", RULES)
def test_rule_names_metrics_and_labels_that_exist(name: str) -> None:
    assert checked(RULES[name].expr, KNOWN)[1].problems == []


@pytest.mark.parametrize("name", RULES)
def test_every_aggregation_keeps_the_cloud(name: str) -> None:
    rule = RULES[name]
    lost = [sorted(kept) for kept in checked(rule.expr, KNOWN)[1].kept if "cloud" not in kept]
    assert bool(lost) == ((rule.alert or rule.labels.get("alert")) in CLOUDLESS), lost


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith(COMPAT)])
def test_rule_selects_no_value_that_one_kind_of_cloud_alone_spells(name: str) -> None:
    assert list(spelled_by_a_kind(RULES[name].expr)) == []


@pytest.mark.parametrize("name", RULES)
def test_record_has_level_metric_and_operations(name: str) -> None:
    record = RULES[name].record
    assert (
        not record
        or record in ("stratoscope_rules_info", "sloth_slo_info")
        or (name.startswith(COMPAT) and re.match("(openstack|libvirt)_", record))
        or re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", record)
    )


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_what_it_must(name: str) -> None:
    rule = ALERTS[name]
    assert rule.alert.startswith("Stratoscope")
    assert rule.labels["severity"] in ("critical", "warning", "info")
    assert list(rule.annotations) == ["summary", "description"]
    assert rule.annotations["description"].endswith(".")
    assert not rule.annotations["summary"].endswith(".")


@pytest.mark.parametrize("name", ALERTS)
def test_texts_of_an_alert_name_labels_that_it_has(name: str) -> None:
    rule = ALERTS[name]
    has = checked(rule.expr, KNOWN)[0].union(rule.labels)
    named = {label for text in rule.annotations.values() for label in re.findall(r"\$labels\.(\w+)", text)}
    assert named - has == set()


@pytest.mark.parametrize("name", ALERTS)
def test_labels_of_an_alert_are_not_the_operators_to_give(name: str) -> None:
    rule = ALERTS[name]
    missing = checked(rule.expr, KNOWN)[0].union(rule.labels) - OWN
    assert missing == set(), "labels that OWN of rules/values.py lacks"


@pytest.mark.parametrize("name", ALERTS)
def test_runbook_names_what_there_is(name: str) -> None:
    """Alerts, and in its questions metrics, records and their labels, by their full names."""
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert "`..." not in page
    assert set(re.findall(r"\bStratoscope[A-Z]\w+", page)) - ALERTS.keys() == set()
    questions = [one for one in re.findall(r"`([^`\n]+)`", page) if re.search(r"stratoscope_|\w:\w+:\w", one)]
    assert [problem for one in questions for problem in checked(one, KNOWN)[1].problems] == []


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_runbook(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == SECTIONS


COMMANDS = {
    command
    for page in RUNBOOKS.glob("*.md")
    for command in re.findall(r"`stratoscope (downtime [^`]+)`", page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_of_a_runbook_is_one(command: str) -> None:
    """Typed as it stands it asks the exporter, which is not there."""
    assert main([*command.split(), "--url=http://127.0.0.1:1"]) == 1


def test_there_is_no_runbook_without_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    tests = {fires for alert, fires in TESTED if alert == name}
    assert tests == ({True} if name in ALWAYS else {True, False})


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_groups_are_tested_in_the_order_in_which_they_read_each_other(file: Path) -> None:
    test = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    named = [Path(one).stem for one in test["rule_files"]]
    groups = {group.name for name in named for group in bundle.sources().get(name, ())}
    has = groups | ({"stratoscope-thresholds"} if "thresholds" in named else set())
    assert set(test["group_eval_order"]) == has, "else promtool takes them in any order"


@pytest.mark.parametrize(
    "file", [*TESTS, *(ROOT / "tests/rules/compat").glob("*.yml")], ids=lambda path: path.stem
)
def test_input_of_a_test_has_no_number_that_is_meant_to_be_many(file: Path) -> None:
    """To promtool 0x60 is 96, once; 60 times 0 is 0+0x60."""
    assert re.findall(r"(?<![\w+.-])0x\w*", file.read_text(encoding="utf-8")) == []


def test_every_threshold_is_read_by_a_rule() -> None:
    read = {
        name
        for rule in RULES.values()
        for name in re.findall(r"global:(\w+):(?:threshold|bucket)", rule.expr)
    }
    assert read == set(thresholds.known())


def test_every_group_is_made_at_an_interval_of_its_own() -> None:
    """Else by Prometheus's: a sum grows with the number of samples, 15 s cost four times as much as 1 min.

    After five minutes Prometheus forgets a record: what is made as seldom is absent for moments.
    """
    texts = bundle.files(Values(compat=True)).values()
    every = {one["name"]: one.get("interval") for text in texts for one in yaml.safe_load(text)["groups"]}
    parts = {f"stratoscope-hypervisor-day-parts-{one}" for one in ("receive", "transmit")}  # read by windows
    assert {name for name, interval in every.items() if interval not in ("20s", "1m", "2m", "4m")} == parts


def test_names_are_given_once() -> None:
    groups: list[Group] = [group for one in bundle.sources().values() for group in one]
    assert len({group.name for group in groups}) == len(groups)
    assert len(ALERTS) == len(bundle.alerts())
