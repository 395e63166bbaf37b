"""The rules of `make imports`: they name all exporters and kinds, and an import against one breaks it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import stratoscope
from stratoscope.clouds.registry import KINDS
from stratoscope.programs import COMMANDS, EXPORTERS

ROOT = Path(__file__).parents[1]
PACKAGE = Path(stratoscope.__file__).parent
WRONG = {
    "core/flags.py": "import stratoscope.clouds.sums",
    "core/files.py": "import stratoscope.hypervisor.vm",
    "clouds/sums.py": "import openstack\nimport lxml",
    "clouds/openstack/config.py": "import libvirt",
    "clouds/libvirt/config.py": "import stratoscope.clouds.openstack.config",
    "hypervisor/vm.py": "import requests",
    "management/top_k.py": "import stratoscope.vmprobe.verdict",
    "vmprobe/verdict.py": "import stratoscope.demo.clock",
    "downtime/feeds/rss.py": "import stratoscope.downtime.api.answers",
    "downtime/api/active.py": "import stratoscope.downtime.site.one",
    "demo/clock.py": "import keystoneauth1\nimport libvirt\nimport stratoscope.clouds.errors",
    "demo/world/ids.py": "import stratoscope.demo.opennebula.states",
    "demo/opennebula/elements.py": "import stratoscope.demo.openstack.texts",
    "demo/faults.py": "import stratoscope.management.top_k\nimport asyncssh",
    "show/clouds.py": "import stratoscope.demo.faults",
    "programs.py": "import stratoscope.core.program",
}
"""By file: an import that the documentation excludes."""


def contracts() -> list[dict[str, Any]]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["tool"]["importlinter"]["contracts"]
    return found


def test_rules_name_every_exporter_and_every_kind() -> None:
    (layers,) = (one["layers"] for one in contracts() if one.get("containers") == ["stratoscope"])
    (kinds,) = (one["modules"] for one in contracts() if one["type"] == "independence")
    programs = [*EXPORTERS.values(), *COMMANDS.values()]
    assert {*layers[1].split(" | ")} == {package.split(".")[1] for package in programs}
    assert {*kinds} == {f"stratoscope.clouds.{kind}" for kind in KINDS}


def test_each_import_against_the_rules_is_reported(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "stratoscope", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in WRONG.items():
        file = tmp_path / "stratoscope" / name
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")
    (tmp_path / "stratoscope" / "slurper").mkdir()
    (tmp_path / "stratoscope" / "slurper" / "__init__.py").write_text("")
    (tmp_path / "stratoscope" / "downtime" / "in_no_layer.py").write_text("")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.replace("\n", " ")
    assert done.returncode == 1
    for name, text in WRONG.items():
        module = f"stratoscope.{name.removesuffix('.py').replace('/', '.')}"
        for line in text.splitlines():
            imported = line.removeprefix("import ")
            assert f"{module} -> {imported}" in said or f"{imported}: - {module}" in said, line
    assert "stratoscope.slurper" in said, "a package that is in no layer"
    assert "stratoscope.downtime.in_no_layer" in said
    assert done.stdout.count(" BROKEN\n") == len(contracts())
