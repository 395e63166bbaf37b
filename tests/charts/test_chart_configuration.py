"""What pods start with is taken by their exporter: the configuration, and each flag."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from support.charts import CASES, CHART, Manifest, of_case, of_kind, rendered
from support.debian import ROOT
from support.go_programs import go_program

pytestmark = pytest.mark.charts

CLOUD = {
    "auth": {
        "auth_url": "https://keystone.example.org/v3",
        "username": "stratoscope",
        "password": "secret",
        "project_name": "monitoring",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
}


class Started(NamedTuple):
    """A pod's flags, and its configuration; None where that is of somebody else."""

    arguments: list[str]
    configuration: str | None


def started(manifests: list[Manifest]) -> Iterator[Started]:
    files = {one["metadata"]["name"]: one["data"] for one in of_kind(manifests, "ConfigMap")}
    for one in manifests:
        if one["kind"] in ("DaemonSet", "Deployment"):
            spec = one["spec"]["template"]["spec"]
            (name,) = (v["configMap"]["name"] for v in spec["volumes"] if v["name"] == "config")
            (container,) = spec["containers"]
            yield Started(container["args"], files.get(name, {}).get("stratoscope.yml"))


def refused(pod: Started, folder: Path) -> str:
    """What the exporter says of what the pod starts with; "" if it takes it."""
    clouds = folder / "clouds.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"monitoring": CLOUD, "probe": CLOUD, "lab": CLOUD}}))
    (folder / "password").write_text("secret")
    (folder / "one_auth").write_text("stratoscope:secret\n")
    file = folder / "stratoscope.yml"
    text = pod.configuration or "clouds: [{name: lab, kind: openstack, os_cloud: lab}]"
    file.write_text(re.sub(r"/etc/(database|one|openstack)/", f"{folder}/", text))
    moved = {
        "--config.file": str(file),
        "--storage.path": f"{folder}/state",
        "--path.procfs": "/proc",
        "--path.sysfs": "/sys",
        "--path.cgroup": "/sys/fs/cgroup",
    }
    flags = [flag.partition("=") for flag in pod.arguments[1:]]
    arguments = [
        f"{name}={moved.get(name, value)}" for name, _, value in flags if name != "--web.config.file"
    ]
    command = [sys.executable, "-m", "stratoscope", pod.arguments[0], *arguments, "--config.check"]
    environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(clouds)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_exporter_takes_what_its_pod_starts_with(case: Path, tmp_path: Path) -> None:
    pods = [*started(of_case(case))]
    assert len(pods) == len((yaml.safe_load(case.read_text()) or {}).get("exporters", {}))
    assert [refused(pod, tmp_path) for pod in pods] == [""] * len(pods)


def test_wrong_configuration_is_refused(tmp_path: Path) -> None:
    """What the test above stands on."""
    values = {
        "global": {"imageRegistry": "registry.example.org"},
        "exporters": {"one": {"exporter": "downtime", "config": {"downtime": {"alertmanager": []}}}},
    }
    (pod,) = started(rendered(values))
    assert "alertmanager" in refused(pod, tmp_path)


def test_configuration_is_no_template() -> None:
    """What stands in `{{ }}` is for the exporter."""
    text = "{{ .Values.global }}"
    values = {
        "global": {"imageRegistry": "registry.example.org"},
        "exporters": {"one": {"exporter": "downtime", "config": {"downtime": {"title": text}}}},
    }
    (pod,) = started(rendered(values))
    assert yaml.safe_load(pod.configuration or "") == {"downtime": {"title": text}}


def test_chart_is_described_by_its_values() -> None:
    """README.md of the chart is made by helm-docs: `make chart-readme` writes it anew."""
    command = [go_program("helm-docs"), "--chart-search-root=helm", "--sort-values-order=file", "--dry-run"]
    done = subprocess.run(
        [*command, "--log-level=error"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.strip() == (CHART / "README.md").read_text().strip()
