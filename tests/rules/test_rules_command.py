"""`stratoscope rules`: what it writes, and what it says of mistakes."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from stratoscope.__main__ import main
from stratoscope.core.metrics import Histogram
from stratoscope.rules import bundle, thresholds
from stratoscope.rules.values import OWN, Values

ROOT = Path(__file__).parents[2]


def written(tmp_path: Path, values: str | None = None) -> tuple[int, Path]:
    """The exit status, and the folder of the bundle with these values."""
    arguments = ["rules", f"--output={tmp_path / 'rules'}"]
    if values is not None:
        (tmp_path / "values.yml").write_text(values, encoding="utf-8")
        arguments.append(f"--values={tmp_path / 'values.yml'}")
    return main(arguments), tmp_path / "rules"


def meta(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """The alerts of meta.yml by name."""
    groups = yaml.safe_load((folder / "meta.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_bundle_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, folder = written(tmp_path)
    assert status == 0
    count = len(list(folder.rglob("*.yml")))
    assert capsys.readouterr().out == f"{count} files in {folder}\n"


def test_values_are_in_what_is_written(tmp_path: Path) -> None:
    status, folder = written(
        tmp_path,
        "thresholds: {budget_wait_ratio: 0.25, vm_active_within_seconds: 7.5}\n"
        "watched: {projects: [p1, 'no', lab/p1, my/lab/p1]}\n"
        "runbook_url: https://wiki.example.org/cloud/\n"
        "labels: {team: cloud}\n"
        "alerts: {StratoscopeWatchdog: false, StratoscopeExporterGone: true}\n",
    )
    assert status == 0
    rules = yaml.safe_load((folder / "thresholds.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    by_name = {rule["record"]: rule for rule in rules}
    assert by_name["global:budget_wait_ratio:threshold"]["expr"] == "vector(0.25)"
    assert by_name["global:collector_stale_intervals:threshold"]["expr"] == "vector(3.0)"
    labelled = [rule["labels"] for rule in rules if "labels" in rule]
    assert labelled == [
        {"le": "7.5"},
        {"project_id": "p1"},
        {"project_id": "no"},
        {"cloud": "lab", "project_id": "p1"},
        {"cloud": "my/lab", "project_id": "p1"},
    ]
    alerts = meta(folder)
    assert "StratoscopeWatchdog" not in alerts
    down = alerts["StratoscopeExporterGone"]
    assert down["labels"] == {"severity": "warning", "team": "cloud"}
    assert down["annotations"]["runbook_url"] == "https://wiki.example.org/cloud/StratoscopeExporterGone.md"


@pytest.mark.parametrize("bound", [0.00001, 7.5, 60, 75.1234567, 1_000_000, 12_345_678])
def test_bound_of_an_objective_is_spelled_as_the_probe_spells_its_bucket(bound: float) -> None:
    text = thresholds.written({"vm_active_within_seconds": bound}, (), ())
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    spelled = {rule["labels"]["le"] for rule in rules if rule["record"].endswith(":bucket")}
    shown, _ = Histogram("x", "X.", labels=(), bounds=[bound]).buckets
    assert spelled >= {shown.removeprefix('le="').removesuffix('"')}
    assert {float(one) for one in spelled} == {bound}


def test_files_that_a_bundle_has_no_more_are_removed_and_no_others(tmp_path: Path) -> None:
    _, folder = written(tmp_path, "compat: true")
    (folder / "compat_mine.yml").write_text("groups: []\n", encoding="utf-8")
    assert written(tmp_path, "compat: false")[0] == 0
    assert [one.name for one in folder.glob("compat*")] == ["compat_mine.yml"]


def test_copies_of_the_committed_files_are_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/rules.md says: they are copied first, and what is changed is in a values file."""
    shutil.copytree(ROOT / "prometheus" / "rules", tmp_path / "rules")
    status, folder = written(tmp_path, "alerts: {StratoscopeWatchdog: false}")
    assert status == 0
    assert capsys.readouterr().err == ""
    assert "StratoscopeWatchdog" not in meta(folder)


def test_threshold_that_was_changed_by_hand_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = written(tmp_path)
    file = folder / "thresholds.yml"
    changed = file.read_text(encoding="utf-8").replace("vector(0.5)", "vector(0.6)")
    file.write_text(changed, encoding="utf-8")
    assert written(tmp_path, "alerts: {StratoscopeWatchdog: false}")[0] == 0
    assert capsys.readouterr().err == ""
    assert "StratoscopeWatchdog" not in meta(folder)
    assert written(tmp_path, "thresholds: {budget_wait_ratio: 0.25}")[0] == 0
    assert capsys.readouterr().err.startswith(f"stratoscope rules: {file}: changed, or of another origin")
    assert file.read_text(encoding="utf-8") == changed
    assert "vector(0.25)" in (folder / "thresholds.yml.new").read_text(encoding="utf-8")


def test_names_are_any_texts(tmp_path: Path) -> None:
    names = ["a\x7f\x85b", "\u2028", "\ufeff", "😀" + "long " * 50, "{{ x }}", '"\\n', "*a", "1", "\t\n"]
    status, folder = written(tmp_path, yaml.safe_dump({"watched": {"flavors": names}}))
    assert status == 0
    text = (folder / "thresholds.yml").read_text(encoding="utf-8")
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    assert [rule["labels"]["flavor"] for rule in rules if "flavor" in rule.get("labels", ())] == names
    assert "\x7f" not in text  # a parser of YAML refuses it


def test_labels_that_texts_and_inhibition_read_cannot_be_others() -> None:
    read = {name for text in bundle.files(Values()).values() for name in re.findall(r"\$labels\.(\w+)", text)}
    config = yaml.safe_load((ROOT / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    for rule in config["inhibit_rules"]:
        matchers = [*rule["source_matchers"], *rule["target_matchers"]]
        read |= {*rule["equal"], *(re.split("[!=]", one)[0] for one in matchers)}
    assert not read - OWN


def test_project_that_is_named_twice_is_watched_once(tmp_path: Path) -> None:
    _, folder = written(tmp_path, "watched: {projects: [p, p]}")
    assert (folder / "thresholds.yml").read_text(encoding="utf-8").count('project_id: "p"') == 1


def test_names_of_other_exporters_are_written_beside_the_rest_on_request(tmp_path: Path) -> None:
    _, folder = written(tmp_path, "compat: true")
    assert {file.name for file in folder.glob("*.yml")} > {
        "meta.yml",
        "compat_libvirt_exporter.yml",
        "compat_openstack_exporter.yml",
    }


def test_threshold_may_be_the_largest_that_means_something(tmp_path: Path) -> None:
    status, folder = written(tmp_path, "thresholds: {quota_used_ratio: 1}")
    assert status == 0
    text = (folder / "thresholds.yml").read_text(encoding="utf-8")
    assert "- record: global:quota_used_ratio:threshold\n        expr: vector(1.0)\n" in text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            "thresholds: {budget_wait: 1}",
            "thresholds.budget_wait: unknown threshold; allowed: ",
        ),
        (
            "thresholds: {budget_wait_ratio: -1}",
            "thresholds.budget_wait_ratio: -1 is out of range; allowed: 0 or more",
        ),
        ("thresholds: {quota_used_ratio: 1.01}", "quota_used_ratio: 1.01 is out of range; allowed: 0 to 1"),
        ("thresholds: {budget_wait_ratio: .nan}", "thresholds.budget_wait_ratio: nan is out of range"),
        ("thresholds: {budget_wait_ratio: .inf}", "thresholds.budget_wait_ratio: inf is out of range"),
        ("thresholds: {budget_wait_ratio: 50%}", "thresholds.budget_wait_ratio: expected a number"),
        ("threshold: {}", "threshold: unknown key; allowed: "),
        (
            "alerts: {Watchdog: false}",
            "alerts.Watchdog: unknown alert; allowed: Stratoscope",
        ),
        ("alerts: {StratoscopeWatchdog: 'off'}", "alerts.StratoscopeWatchdog: expected true or false"),
        ("labels: {a-b: x}", "labels: a-b: no name of a label; allowed: "),
        ("labels: {__a: x}", "labels: __a: no name of a label; allowed: "),
        ("labels: {severity: x}", "labels: severity: the rules give it; allowed: other labels"),
        ("labels: {scope: cloud}", "labels: scope: the rules give it; allowed: other labels"),
        ("labels: {instance: x}", "labels: instance: the rules give it; allowed: other labels"),
        ("labels: {team: '{{ x'}", "labels.team: a template; allowed: a text without {{"),
        ("watched: {project: [x]}", "watched.project: unknown key; allowed: "),
        ("watched: {projects: [lab/]}", "watched.projects: lab/: no project; allowed: its ID, or CLOUD/ID"),
        ("watched: {projects: [/p]}", "watched.projects: /p: no project; allowed: its ID, or CLOUD/ID"),
        ("runbook_url: ''", "runbook_url: expected"),
        ("runbook_url: 'https://a/{{/'", "runbook_url: a template; allowed: a text without {{"),
        (
            "runbook_url: https://a/b",
            "runbook_url: https://a/bNAME.md is no address; allowed: such as https://a/b/",
        ),
        ("[1]", "expected a mapping"),
        ("a: [", "values.yml:1:5: "),
    ],
)
def test_mistake_is_one_line_that_names_the_key(
    values: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path, values)[0] == 2
    said = capsys.readouterr().err
    assert said.startswith("stratoscope rules: ")
    assert text in said
    assert said.count("\n") == 1
    assert not (tmp_path / "rules").exists()


def test_values_that_are_missing_and_a_folder_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", f"--output={tmp_path}", f"--values={tmp_path / 'none.yml'}"]) == 2
    assert f"--values: {tmp_path / 'none.yml'}: No such file or directory" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["rules", f"--output={tmp_path / 'file' / 'rules'}"]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_empty_values_are_the_defaults(tmp_path: Path) -> None:
    assert written(tmp_path, "")[0] == 0


@pytest.mark.parametrize(
    ("flags", "status"), [([], 2), (["--help"], 0), (["--output="], 2), (["--output=x", "--value=y"], 2)]
)
def test_flags(flags: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", *flags]) == status
    said = capsys.readouterr()
    assert "--output" in said.out + said.err or "--value=y" in said.err
