"""The files of a release: the same bytes twice, and a wheel that works outside the clone."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from ship import files, trial

from stratoscope.files.shipped import shipped
from stratoscope.programs import EXPORTERS
from support.charts import helm
from support.debian import ROOT
from support.go_programs import go_program

pytestmark = pytest.mark.charts

VERSION = "0.2.0"
REGISTRY = "registry.example.org/stratoscope"
MEMBERS = {"alertmanager", "exporters", "grafana", "helm", "prometheus", "requirements", "systemd"}
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a release is made from: the version goes into a file of the tree that is built."""
    folder = tmp_path_factory.mktemp("source")
    for name in MEMBERS:
        ignored = shutil.ignore_patterns("__pycache__", "_version.py", "node_modules")
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def release(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of a release."""
    return built(source, tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module", autouse=True)
def epoch() -> pytest.MonkeyPatch:
    """The time of the commit and the version of the tag, which scripts/release takes from git."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1764500000")
        patch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION", VERSION)
        yield patch


def built(source: Path, target: Path) -> Path:
    files.wheel_and_sdist(source, target)
    files.chart(source, target, helm=go_program("helm"), registry=REGISTRY)
    files.for_servers(source, target, VERSION, shipped())
    files.bill_of_materials(source, target, VERSION)
    files.sums(target)
    return target


@pytest.fixture(scope="module")
def site(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = release.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202 - we have built it
    return folder


def lacks(site: Path, folder: Path) -> list[str]:
    """What `scripts/release` says of the wheel, with the other packages of this environment."""
    return [*trial.faults(Path(sys.executable), folder, {**os.environ, "PYTHONPATH": str(site)})]


def test_the_same_commit_gives_the_same_bytes(source: Path, release: Path, tmp_path: Path) -> None:
    again = built(source, tmp_path)
    assert (again / files.SUMS).read_text() == (release / files.SUMS).read_text()


def test_sums_are_those_that_sha256sum_knows(release: Path) -> None:
    lines = (release / files.SUMS).read_text().splitlines()
    assert {line.split("  ")[1] for line in lines} == {
        f"stratoscope-{VERSION}-py3-none-any.whl",
        f"stratoscope-{VERSION}.tar.gz",
        f"stratoscope-{VERSION}.tgz",
        f"stratoscope-{VERSION}.cdx.json",
        f"stratoscope-files-{VERSION}.tar.gz",
    }
    check = ["/usr/bin/sha256sum", "--check", "--strict", "--quiet", files.SUMS]
    subprocess.run(check, cwd=release, check=True)


def test_source_distribution_builds_the_same_wheel(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SETUPTOOLS_SCM_PRETEND_VERSION")  # it says itself which version it is
    # As tests/files/test_files_packaged.py says, tarfile does it differently from version to version.
    unpack = ["/usr/bin/tar", "-xf", release / f"stratoscope-{VERSION}.tar.gz", "-C", tmp_path]
    subprocess.run(unpack, check=True)
    wheel, _ = files.wheel_and_sdist(tmp_path / f"stratoscope-{VERSION}", tmp_path)
    assert wheel.read_bytes() == (release / wheel.name).read_bytes()


def test_each_exporter_of_the_wheel_starts_outside_the_clone(site: Path, tmp_path: Path) -> None:
    assert lacks(site, tmp_path) == []
    assert {*trial.SECTIONS} == {*EXPORTERS}


def test_what_a_wheel_lacks_is_told(site: Path, tmp_path: Path) -> None:
    """What the test above stands on."""
    poor = tmp_path / "site"
    shutil.copytree(site, poor)
    (poor / "stratoscope/vmprobe/templates/overview.html").unlink()
    shutil.rmtree(poor / "stratoscope/downtime/database")
    (tmp_path / "run").mkdir()
    of_vmprobe, of_downtime = lacks(poor, tmp_path / "run")
    assert of_vmprobe == "vmprobe: /: 500"
    assert of_downtime.startswith("downtime: it is not ready: ")


def test_chart_of_a_release_knows_its_images(release: Path) -> None:
    package = release / f"stratoscope-{VERSION}.tgz"
    values = '--set-json=exporters={"uni":{"exporter":"management"}}'
    done = helm("template", "rel", package, values, "--set=rules.enabled=true,dashboards.enabled=true")
    assert done.returncode == 0, done.stderr
    found = [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]
    (deployment,) = [one for one in found if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{REGISTRY}/stratoscope-management:{VERSION}"
    assert len([one for one in found if one["kind"] == "ConfigMap"]) > len(
        [*(ROOT / "grafana/dashboards").iterdir()]
    )


def test_what_is_packaged_renders_as_the_clone_does(release: Path) -> None:
    case = ROOT / "helm/stratoscope/ci/all-values.yaml"
    package = release / f"stratoscope-{VERSION}.tgz"
    of_package, of_clone = (
        helm("template", "rel", chart, f"--values={case}").stdout
        for chart in (package, ROOT / "helm/stratoscope")
    )
    assert of_package == of_clone != ""


def test_bill_of_materials_has_each_locked_package(release: Path) -> None:
    bill = json.loads((release / f"stratoscope-{VERSION}.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == VERSION
    locked = re.findall(
        r"^([\w.-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements/all.txt").read_text(), re.MULTILINE
    )
    assert sorted((one["name"], one["version"]) for one in bill["components"]) == sorted(locked)


def test_files_for_servers(release: Path) -> None:
    with tarfile.open(release / f"stratoscope-files-{VERSION}.tar.gz") as tar:
        names = {one.name.partition("/")[2] for one in tar}
    units = {f"systemd/stratoscope-{exporter}.service" for exporter in EXPORTERS}
    locked = {f"requirements/{exporter}.txt" for exporter in EXPORTERS}
    assert names == {
        *shipped(),
        *units,
        *locked,
        *(f"requirements/{one}.txt" for one in ("all", "libvirt", "opennebula", "openstack")),
    }
