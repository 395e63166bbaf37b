"""The examples of Prometheus's configuration are valid, and targets have the labels that the rules use."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from stratoscope.rules.bundle import sources
from support import board_parts, grafana_boards
from support.debian import ROOT
from support.declared import FAMILIES
from support.rule_checks import nodes, passing

FOLDER = Path(__file__).parents[2] / "prometheus"
EXAMPLES = ["prometheus.example.yml", "kubernetes.example.yml"]
SHARD, WHOLE = "sharded/shard.example.yml", "sharded/whole.example.yml"
OTHERS = ("stratoscope_downtime_", "stratoscope_management_", "stratoscope_vmprobe_")
EXPORTERS = {"hypervisor": 10971, "management": 10972, "vmprobe": 10973, "downtime": 10974}


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def scrapes_of_exporters(name: str) -> list[Any]:
    return [one for one in read(name)["scrape_configs"] if one["job_name"] != "prometheus"]


def check(file: Path) -> str:
    """What promtool says of a configuration that it takes."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not on PATH; `make tools` gets it"
    command = [promtool, "check", "config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_promtool_takes_the_example_with_the_rules(tmp_path: Path) -> None:
    for one in ("rules", "targets"):
        shutil.copytree(FOLDER / one, tmp_path / one)
    text = (FOLDER / "prometheus.example.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/stratoscope/", "rules/"))
    count = len(list((FOLDER / "rules").glob("*.yml")))
    assert f"SUCCESS: {count} rule files found" in check(tmp_path / "prometheus.yml")


def test_promtool_takes_the_example_for_kubernetes_but_for_how_it_finds_pods(tmp_path: Path) -> None:
    """Debian's 2.42 is built without Kubernetes; tests/integration asks a newer one of all of it."""
    config = read("kubernetes.example.yml")
    for scrape in config["scrape_configs"]:
        if scrape["job_name"] != "prometheus":
            found = scrape.pop("kubernetes_sd_configs")
            assert found == [{"role": "pod", "namespaces": {"names": ["stratoscope"]}}]  # no pods of others
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    assert "SUCCESS" in check(tmp_path / "prometheus.yml")


@pytest.mark.parametrize("name", [SHARD, WHOLE])
def test_promtool_takes_the_examples_of_shards(name: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    shutil.copytree(FOLDER / "targets", tmp_path / "targets")
    config = tmp_path / name
    config.parent.mkdir()
    config.write_text(
        (FOLDER / name).read_text(encoding="utf-8").replace("/etc/prometheus/stratoscope/", "../rules/")
    )
    assert f"SUCCESS: {len(read(name)['rule_files'])} rule files found" in check(config)


def test_each_rule_is_evaluated_by_the_shards_or_by_the_whole() -> None:
    files = [{Path(one).name for one in read(name)["rule_files"]} for name in (SHARD, WHOLE)]
    assert files[0] | files[1] == {path.name for path in (FOLDER / "rules").glob("*.yml")}
    assert files[0] & files[1] == {"glance.yml", "identity.yml", "meta.yml", "thresholds.yml"}


def expressions(name: str) -> str:
    """All that an example evaluates, but for cells, of which each makes those that it can."""
    subjects = {Path(one).stem for one in read(name)["rule_files"]} - {"glance", "thresholds"}
    return " ".join(rule.expr for one in subjects for group in sources()[one] for rule in group.rules)


def records(*subjects: str) -> set[str]:
    return {rule.record for one in subjects for group in sources()[one] for rule in group.rules} - {""}


def of_shards() -> set[str]:
    return records("contention", "glance", "host_sums", "hypervisor", "watched")


def is_written(name: str) -> bool:
    """Whether the shards write a metric to the whole."""
    (remote,) = read(SHARD)["remote_write"]
    keep, drop = (re.compile(one["regex"]) for one in remote["write_relabel_configs"])
    return bool(keep.fullmatch(name)) and not drop.fullmatch(name)


def test_shards_write_what_they_record_but_not_what_each_makes_for_itself() -> None:
    raw = set(re.findall(r"(?<![\w:])stratoscope_hypervisor_\w+", expressions(WHOLE)))
    assert raw
    assert {one for one in of_shards() | raw if not is_written(one)} == set()
    assert {one for one in records("identity", "meta") if is_written(one)} == set()


def test_whole_records_nothing_with_the_label_that_tells_its_shards_apart() -> None:
    """Of two samples of a series, its own and a shard's, it refuses the later and all that comes with it."""
    rules = [
        rule
        for one in read(WHOLE)["rule_files"]
        for group in sources().get(Path(one).stem, ())
        for rule in group.rules
        if rule.record not in ("", "cloud:stratoscope_glance:in_downtime")  # only the whole knows downtimes
    ]
    assert len(rules) > 100
    written = {*filter(is_written, of_shards())}
    shown = ((rule, written & {*passing(promql_parser.parse(rule.expr))}) for rule in rules)
    assert [(rule.record, rule.labels, names) for rule, names in shown if names] == []


@pytest.mark.parametrize("name", [*EXAMPLES, SHARD, WHOLE])
def test_labels_of_an_exporter_win(name: str) -> None:
    assert all(scrape["honor_labels"] for scrape in scrapes_of_exporters(name))


def read_names() -> set[str]:
    """The metrics and records that rules and dashboards read by name."""
    rules = (rule.expr for groups in sources().values() for group in groups for rule in group.rules)
    boards = (json.loads(file.read_text(encoding="utf-8")) for file in grafana_boards.files())
    queries = (query.expr for board in boards for query in board_parts.queries(board) if query.expr)
    trees = (*map(promql_parser.parse, rules), *map(board_parts.tree, queries))
    parts = (part for tree in trees for part in nodes(tree))
    names = {part.name for part in parts if isinstance(part, promql_parser.VectorSelector) and part.name}
    assert len(names) > 400
    return names


def test_what_targets_of_others_show_is_read_by_no_rule_and_no_dashboard() -> None:
    """But what is about the target alone: Prometheus sets its job and instance."""
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    (dropped,) = re.findall(r'source_labels: \[__name__\], regex: "(.+)", action: drop', page)
    about_targets = r"up|scrape_duration_seconds|(process|prometheus)_.+"
    left = {name for name in read_names() if not re.fullmatch(f"{dropped}|{about_targets}", name)}
    assert left == set()


@pytest.mark.parametrize("name", [*EXAMPLES, SHARD])
def test_host_that_somebody_takes_over_shows_nothing_of_other_exporters(name: str) -> None:
    """With honor_labels it could say of itself that it is another target."""
    (hosts,) = (one for one in read(name)["scrape_configs"] if one["job_name"] == "stratoscope-hypervisor")
    (relabel,) = hosts["metric_relabel_configs"]
    assert (relabel["source_labels"], relabel["action"]) == (["__name__"], "drop")
    shown = {family.name for family in FAMILIES if not family.name.startswith(OTHERS)}
    assert {one for one in shown if re.fullmatch(relabel["regex"], one)} == set()
    of_all = re.compile(
        r"stratoscope_(build_info|cloud_|collector_|config_|hypervisor_|web_)|process_|prometheus_"
    )
    left = {one for one in read_names() - shown if not re.fullmatch(relabel["regex"], one)}
    assert {one for one in left if not of_all.match(one)} == set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_says_for_how_long_to_keep_data_and_how_often_to_evaluate(name: str) -> None:
    assert "--storage.tsdb.retention.time=35d" in (FOLDER / name).read_text(encoding="utf-8")
    assert read(name)["global"]["evaluation_interval"] == "1m"


@pytest.mark.parametrize("name", [*EXAMPLES, WHOLE])
def test_prometheus_that_looks_back_thirty_days_is_asked_what_it_has_deleted(name: str) -> None:
    (own,) = (one for one in read(name)["scrape_configs"] if one["job_name"] == "prometheus")
    assert own["static_configs"] == [{"targets": ["127.0.0.1:9090"]}]


def test_targets_of_hosts_have_their_cloud_and_host() -> None:
    targets = read("targets/hypervisor.example.yml")
    assert [set(one["labels"]) for one in targets] == [{"cloud", "host"}] * len(targets)
    assert all(address.endswith(":10971") for one in targets for address in one["targets"])


def test_every_exporter_is_scraped_at_its_port() -> None:
    scrapes = scrapes_of_exporters("prometheus.example.yml")
    assert [one["job_name"] for one in scrapes] == [f"stratoscope-{name}" for name in EXPORTERS]
    ports = [one["static_configs"][0]["targets"][0].partition(":")[2] for one in scrapes[1:]]
    assert [int(port) for port in ports] == list(EXPORTERS.values())[1:]


def test_pods_get_the_labels_that_targets_in_files_have() -> None:
    hosts, others = scrapes_of_exporters("kubernetes.example.yml")
    assert (hosts["job_name"], others["scrape_interval"]) == ("stratoscope-hypervisor", "15s")
    given = [
        [rule["target_label"] for rule in one["relabel_configs"] if "target_label" in rule]
        for one in (hosts, others)
    ]
    assert given == [["cloud", "host", "instance"], ["job", "cloud", "instance"]]


@pytest.mark.parametrize("component", EXPORTERS)
def test_each_pod_of_an_exporter_is_found_by_one_job(component: str) -> None:
    kept = [
        re.fullmatch(one["relabel_configs"][0]["regex"], f"stratoscope;{component};metrics")
        for one in scrapes_of_exporters("kubernetes.example.yml")
    ]
    assert [one is not None for one in kept] == [component == "hypervisor", component != "hypervisor"]
