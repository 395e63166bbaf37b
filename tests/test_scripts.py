"""The scripts that a newcomer meets first: what they ask for, what they say."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from bare.rounds import MISSING, readme

from support.patience import FAR_S

ROOT = Path(__file__).parents[1]
TOOLS = ("bash", "dirname", "awk", "dpkg", "mktemp", "rm", "tail", "env", "cat")
DEBIAN_12 = {"python3": "3.11.2-1+b1"}
UBUNTU_22_04 = {"python3": "3.10.6-1~22.04", "python3.11": "3.11.0~rc1-1~22.04"}
OTHERS = "gcc libc6-dev pkg-config libvirt-dev"


def script(name: str) -> ModuleType:
    """A script of the project as a module."""
    loader = SourceFileLoader(f"script_{name}", str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def bare_machine(folder: Path, candidates: Mapping[str, str]) -> Path:
    """A PATH with neither Python nor compiler, where apt has these and can install nothing."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    policy = "".join(f"{name}) echo '  Candidate: {version}' ;;\n" for name, version in candidates.items())
    for name, text in {
        "apt-cache": f'case $2 in\n{policy}*) echo "  Candidate: (none)" ;;\nesac',
        "apt-get": "exit 1",
        "dpkg-query": "exit 1",
        "sudo": "exit 1",
    }.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("candidates", "python"), [(DEBIAN_12, "python3"), (UBUNTU_22_04, "python3.11"), ({}, "python3")]
)
def test_setup_names_all_that_is_lacking_in_one_line(
    tmp_path: Path, candidates: Mapping[str, str], python: str
) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "setup"],
        env={"PATH": str(bare_machine(tmp_path, candidates))},
        capture_output=True,
        text=True,
        check=False,
    )
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("missing: ")]
    assert said.startswith(f"missing: {python} {python}-venv {python}-dev {OTHERS}")
    assert done.returncode == 1


def test_newcomer_finds_in_the_line_what_root_is_to_type() -> None:
    said = "missing: gcc git (neither root nor sudo: run 'apt-get install gcc git' as root)"
    assert MISSING.findall(said) == ["apt-get install gcc git"]


@pytest.mark.parametrize(
    ("beginning", "command"),
    [
        ("apt-get update", "apt-get update && apt-get install -y git make"),
        ("git clone ", "git clone <address of this repository> stratoscope && cd stratoscope"),
        ("make demo", "make demo"),
        ("make test", "make test"),
        ("pip install '.[hypervisor]'", "pip install '.[hypervisor]'"),
    ],
)
def test_newcomer_types_readmes_own_commands(beginning: str, command: str) -> None:
    assert readme(beginning) == command


def test_command_that_readme_has_not_is_an_error() -> None:
    with pytest.raises(LookupError, match="make coffee"):
        readme("make coffee")


def test_locks_that_changed_fail_in_one_line_where_the_registry_cannot_be_reached(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "try-locks"],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PIP_INDEX_URL": "http://127.0.0.1:1/simple"},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * FAR_S,
    )
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert "its registry cannot be reached (NewConnectionError), and what changed was not tried" in said


def test_what_pip_refuses_is_said_in_its_words_and_one_line() -> None:
    said = "WARNING: x\nERROR: In --require-hashes mode, ... These do not:\n    coverage[toml]>=7 from x\n"
    expected = "ERROR: In --require-hashes mode, ... These do not: coverage[toml]>=7 from x"
    assert script("try-locks").reason(said) == expected
