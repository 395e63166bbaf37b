"""What scripts/demo shows."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from stage import downtimes, probes
from stage.questions import QUESTIONS

from stratoscope.demo.config_writer import CLOUDS_YAML, write_config
from stratoscope.vmprobe import settings


def test_demos_links_are_short_and_prometheus_takes_their_rules(tmp_path: Path) -> None:
    rules = [{"record": question.name, "expr": question.query} for question in QUESTIONS]
    file = tmp_path / "questions.yml"
    file.write_text(json.dumps({"groups": [{"name": "questions", "rules": [*rules, downtimes.ALERT]}]}))
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not installed; `make tools` gets it"
    checked = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert "SUCCESS: 6 rules found" in checked.stdout, checked.stderr
    links = [f"http://127.0.0.1:9090/graph?g0.tab=1&g0.expr={question.name}" for question in QUESTIONS]
    assert max(map(len, links)) <= 80


def test_demo_has_two_probes_of_a_plain_user(tmp_path: Path) -> None:
    write_config(tmp_path / "management.yml", "http://127.0.0.1:1")
    document = json.loads(probes.configuration(tmp_path / CLOUDS_YAML))
    found = settings.parse(document, {})
    assert [(probe.name, probe.vm.image) for probe in found.probes] == [
        ("boot-cirros", "cirros"),
        ("boot-centos-7", "centos-7"),
    ]
    assert [cloud.os_cloud for cloud in found.clouds] == ["user1"]


def test_demo_says_what_the_last_run_with_a_result_found() -> None:
    good = {"outcome": "success", "accepted_s": {"built": 6.62}, "phases": {"deleted": 0.1, "gone": 2.5}}
    said = {"phase": "resolve", "reason": "image", "blame": "project", "message": "image 'x' is not active"}
    bad = {"outcome": "failed", "failure": said}
    stopped = {"outcome": "interrupted", "failure": None}
    assert probes.verdict([bad, good, stopped]) == (
        "works: the VM ran 6.6 s after it was accepted, and was gone in 2.6 s"
    )
    assert probes.verdict([good, bad]) == "fails: resolve, image, to blame: project; image 'x' is not active"
    assert probes.verdict([stopped]) == probes.verdict([]) == "has no result yet"


@pytest.mark.parametrize(
    ("get", "run", "why"),
    [
        ("echo 'get-debian: apt knows no package' >&2; exit 1", "exit 0", "apt knows no package"),
        ("echo build", "echo 'unshare: unshare failed' >&2; exit 1", "unshare: unshare failed"),
    ],
)
def test_where_alertmanager_cannot_run_the_demo_knows_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, get: str, run: str, why: str
) -> None:
    (tmp_path / "scripts").mkdir()
    for name, text in {"get-debian": get, "run-alertmanager": run}.items():
        (tmp_path / "scripts" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "scripts" / name).chmod(0o755)
    monkeypatch.setattr(downtimes, "ROOT", tmp_path)
    child, said = downtimes.alertmanager(tmp_path, 1, threading.Event())
    assert child is None
    assert why in said
