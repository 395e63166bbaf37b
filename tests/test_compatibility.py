"""docs/compatibility.md: its figures are those of the files that decide them."""

import json
import re
import tomllib
from pathlib import Path

import yaml
from bare.machines import MACHINES
from ship.checks import rules_version

from stratoscope.clouds.registry import KINDS
from support.charts import VERSIONS

ROOT = Path(__file__).parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/compatibility.md").read_text().splitlines()
    if line.startswith("| ")
]
WITH = {row[0]: row[1:] for row in ROWS if len(row) == 4}
"""By what is tested with us: what was tested, the oldest, and what else."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def text(path: str) -> str:
    return (ROOT / path).read_text()


def numbers(cell: str) -> list[str]:
    """The versions in a cell, such as 3.11."""
    return re.findall(r"\d+\.\d+", cell)


def found(pattern: str, path: str) -> str:
    """The only group of the pattern in a file."""
    match = re.search(pattern, text(path))
    assert match is not None, path
    return match[1]


def test_versions_of_ours() -> None:
    _, (ours, rules, chart, kubernetes, python) = [row for row in ROWS if len(row) == 5]
    described = yaml.safe_load(text("helm/stratoscope/Chart.yaml"))
    assert [f"{ours}.0", chart] == [described["appVersion"], described["version"]]
    assert rules_version(ROOT).startswith(f"{rules}.")
    assert kubernetes == f"{VERSIONS[0]} to {VERSIONS[-1]}"
    classifiers = [one.rpartition(" :: ")[2] for one in PROJECT["classifiers"] if ":: Python ::" in one]
    assert numbers(python) == classifiers
    assert PROJECT["requires-python"] == f">={classifiers[0]}"


def test_prometheus_and_alertmanager_are_those_of_debian_that_tests_unpack() -> None:
    packages = "exporters/stratoscope/show/get-debian.sh"
    old = (
        found(r"bookworm \(Prometheus (\d+\.\d+), Alertmanager", packages),
        found(r"Alertmanager (\d+\.\d+)\)", packages),
    )
    new = found(r"sid \((\d+\.\d+), ", packages), found(r"sid \(\d+\.\d+, (\d+\.\d+)\)", packages)
    tested = [numbers(WITH[one][0]) for one in ("Prometheus", "Alertmanager")]
    assert [(one[0], one[-1]) for one in tested] == [*zip(old, new, strict=True)]
    assert WITH["Prometheus"][1] == found(
        r"# Prometheus (\d+\.\d+) or later", "prometheus/prometheus.example.yml"
    )
    assert WITH["Alertmanager"][1] == found(
        r"Alertmanager (\d+\.\d+) and newer", "alertmanager/alertmanager.yml"
    )


def test_grafana_is_the_one_that_draws() -> None:
    package = json.loads(text("grafana/check/package.json"))
    versions = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    assert versions["@grafana/ui"].startswith(f"{numbers(WITH['Grafana'][0])[0]}.")
    assert WITH["Grafana"][1] == found(r"for version (\d+\.\d+) and newer", "docs/dashboards.md")
    assert numbers(WITH["Grafana"][2]) == [found(r"grafana/grafana:(\d+\.\d+)\.", "compose.yml")]


def test_helm_is_what_is_built() -> None:
    programs = [
        found(rf"module=helm.sh/helm/v{major} version=v(\d+\.\d+)\.", "scripts/get-go") for major in (3, 4)
    ]
    assert numbers(WITH["Helm"][0]) == programs
    operator = found(r"prometheus-operator, v(\d+\.\d+)", "tests/fixtures/crds/README.md")
    assert numbers(WITH["Prometheus operator"][0]) == [operator]


def test_clouds() -> None:
    (bindings,) = PROJECT["optional-dependencies"]["libvirt"]
    assert numbers(WITH["libvirt"][1]) == numbers(bindings)
    libvirt, qemu = numbers(WITH["libvirt"][0])
    assert f"QEMU {qemu} (TCG) under libvirt {libvirt}" in text("docs/hypervisor.md")
    openstack = text("docs/management.md")
    assert f"({WITH['OpenStack'][0]}) from Debian's packages" in openstack
    assert f"{WITH['OpenStack'][1]} is the oldest release that is supported" in openstack
    (oned,) = numbers(WITH["OpenNebula"][2])
    assert f"the recorded answers of a real oned {oned}." in text("docs/management.md")


def test_each_kind_of_cloud_has_its_row() -> None:
    assert [kind for kind in KINDS if kind not in map(str.lower, WITH)] == []


def test_systems_are_the_machines_of_newcomers() -> None:
    names = [one.name.rpartition("-")[0].capitalize().replace("-", " ") for one in MACHINES]
    assert WITH["Debian, Ubuntu"][0] == ", ".join(dict.fromkeys(names))
