"""The wheel, and the source distribution and the wheel that is made of it, have what is shipped."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from stratoscope.files.shipped import shipped

ROOT = Path(__file__).parents[2]
BELOW = "stratoscope/files/"
SHOW = "stratoscope/show/"
SCRIPTS = ("get-debian.sh", "run-alertmanager.sh")


def built(source: Path, target: Path, what: str) -> Path:
    """The file that hatchling builds from the files of git, without asking any registry."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = target.glob("*.whl" if what == "wheel" else "*.tar.gz")
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the build reads: the version goes into a file of the tree that is built."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("alertmanager", "exporters", "grafana", "prometheus"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def of_wheel(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check(wheel: Path) -> None:
    """Fails if the wheel lacks something that is shipped, or has more."""
    contents = of_wheel(wheel)
    found = {name.removeprefix(BELOW): text for name, text in contents.items() if name.startswith(BELOW)}
    assert {name: text for name, text in found.items() if not name.endswith(".py")} == shipped()
    assert not [name for name in found if "/tests/" in name]
    for name in SCRIPTS:
        assert contents[f"{SHOW}{name}"].startswith(b"#!/bin/bash\n")


def test_wheel_has_what_is_shipped(source: Path, tmp_path: Path) -> None:
    check(built(source, tmp_path, "wheel"))


def test_wheel_of_the_source_distribution_has_what_is_shipped(source: Path, tmp_path: Path) -> None:
    archive = built(source, tmp_path / "sdist", "sdist")
    with tarfile.open(archive) as tar:
        assert not [member.name for member in tar if member.issym() or member.islnk()]
    # tarfile has no `filter` before 3.11.4 (Debian 12), and warns without one from 3.12 on.
    subprocess.run(["/usr/bin/tar", "-xf", archive, "-C", tmp_path], check=True)
    (unpacked,) = (one for one in tmp_path.iterdir() if one.name.startswith("stratoscope-"))
    check(built(unpacked, tmp_path / "wheel", "wheel"))


def test_installed_wheel_writes_the_files(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built(source, tmp_path / "wheel", "wheel")) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202 - we have built it
    command = [
        sys.executable,
        "-c",
        "import sys, stratoscope.files.command as c; sys.exit(c.main(sys.argv[1:]))",
    ]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [*command, f"--output={tmp_path / 'out'}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{len(shipped())} files in {tmp_path / 'out'}\n"
    dashboards = sorted((tmp_path / "out" / "grafana" / "dashboards").iterdir())
    assert [one.read_bytes() for one in dashboards] == [
        file.read_bytes() for file in sorted((ROOT / "grafana" / "dashboards").iterdir())
    ]
