"""The exporter's page in the documentation: complete, not stale, its questions valid."""

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import stratoscope
from stratoscope.core.metrics import Family
from stratoscope.hypervisor.collectors.host import PARTS
from stratoscope.hypervisor.settings import FLAGS, SCHEDULES, parse, subjects

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hypervisor.md").read_text(encoding="utf-8")
TABLES = PAGE.partition("<!-- metrics -->")[2]
QUESTIONS = re.findall(r"^```promql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# Names that no Family declares: core counts these with prometheus_client's objects.
OF_THE_CLIENT = {
    "stratoscope_build_info", "stratoscope_scrape_duration_seconds", "stratoscope_http_requests_total",
    "stratoscope_config_last_reload_successful", "stratoscope_config_last_reload_success_timestamp_seconds",
}  # fmt: skip


def declared() -> Iterator[Family]:
    """Every Family that is a constant of the package, alone or in a tuple."""
    for module in pkgutil.walk_packages(stratoscope.__path__, "stratoscope."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Family):
                    yield one


FAMILIES = {id(family): family for family in declared()}.values()


def test_names_of_families_are_unique() -> None:
    names = [family.name for family in FAMILIES]
    assert sorted(set(names)) == sorted(names)
    assert len(names) > 100


def test_every_family_is_in_the_documentation_once() -> None:
    assert [family.name for family in FAMILIES if TABLES.count(f"| `{family.name}` |") != 1] == []


def test_documentation_names_no_metric_that_the_code_does_not_declare() -> None:
    known = {family.name for family in FAMILIES} | OF_THE_CLIENT
    assert set(re.findall(r"\bstratoscope_\w+", PAGE)) - known == set()


@pytest.mark.parametrize(
    "name", [*SCHEDULES, *(subject.name for subject in subjects("")), *(part.name for part in PARTS)]
)
def test_every_name_of_the_configuration_is_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_tables_are_those_of_the_code() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "metrics-docs", "--check"], capture_output=True, check=False
    )
    assert checked.stderr.decode() == ""
    assert checked.returncode == 0


def test_example_of_a_configuration_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    settings = parse(yaml.safe_load(example), {flag: default for flag, (default, _) in FLAGS.items()})
    assert [cloud.name for cloud in settings.clouds] == ["uni", "lab", "far"]


def test_every_question_is_valid_promql(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not on PATH; `make tools` gets it"
    rules = [{"record": f"question:{number}", "expr": text} for number, text in enumerate(QUESTIONS)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    checked = subprocess.run([promtool, "check", "rules", file], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode()
    assert len(QUESTIONS) >= 10
