"""The files of a release, the same bytes from the same commit."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"


def wheel_and_sdist(source: Path, target: Path) -> tuple[Path, Path]:
    """Both, built by hatchling from a clone. Raises CalledProcessError."""
    for what in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(target)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("stratoscope-*.tar.gz")
    return wheel, sdist


def chart(source: Path, target: Path, *, helm: Path, registry: str) -> Path:
    """The chart, which takes its images from this registry; "" leaves that to who installs it."""
    copy = target / "chart" / "stratoscope"
    shutil.copytree(source / "helm/stratoscope", copy)  # it follows links
    values = copy / "values.yaml"
    text, times = re.subn(r"(?m)^      registry: \"\"$", f'      registry: "{registry}"', values.read_text())
    if times != 1:
        raise ValueError(f'values.yaml: `registry: ""` stands there {times} times; allowed: once')
    values.write_text(text)
    subprocess.run([helm, "package", copy, f"--destination={target}"], check=True, capture_output=True)
    shutil.rmtree(target / "chart")
    (package,) = target.glob("stratoscope-*.tgz")
    with tarfile.open(package) as tar:
        contents = {one.name: content.read() for one in tar if (content := tar.extractfile(one))}
    write_tar(package, contents)  # Helm's has the time of day
    return package


def for_servers(source: Path, target: Path, version: str, shipped: Mapping[str, bytes]) -> Path:
    """Rules, dashboards and examples; units of systemd, and the locked requirements of each extra."""
    extras = tomllib.loads((source / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    locked = [source / f"requirements/{extra}.txt" for extra in extras]
    beside = [*source.glob("systemd/*.service"), *locked]
    contents = {**shipped, **{str(one.relative_to(source)): one.read_bytes() for one in beside}}
    file = target / f"stratoscope-files-{version}.tar.gz"
    write_tar(file, {f"stratoscope-files-{version}/{name}": text for name, text in contents.items()})
    return file


def bill_of_materials(source: Path, target: Path, version: str) -> Path:
    """CycloneDX, of the locked packages of all exporters, valid. Raises CalledProcessError."""
    file = target / f"stratoscope-{version}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/all.txt"]
    command += ["--pyproject=pyproject.toml", "--output-reproducible", f"--output-file={file}", "--validate"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    bill = json.loads(file.read_text())
    bill["metadata"]["component"]["version"] = version  # pyproject.toml has none: git has
    file.write_text(json.dumps(bill, indent=2) + "\n")
    return file


def sums(target: Path) -> None:
    """SHA256SUMS of all files there, which `sha256sum --check` reads."""
    lines = [
        f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in sorted(target.iterdir())
    ]
    (target / SUMS).write_text("".join(lines))


def write_tar(file: Path, contents: Mapping[str, bytes]) -> None:
    """A compressed archive in which each file has the time of SOURCE_DATE_EPOCH, and no owner."""
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    with (
        file.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=time) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(contents):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(contents[name]), time, 0o644
            tar.addfile(member, io.BytesIO(contents[name]))
