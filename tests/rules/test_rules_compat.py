"""Rules with the names of other exporters: promtool judges and tests them, as they are written on request."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stratoscope.rules import bundle
from stratoscope.rules.values import Values

TESTS = sorted((Path(__file__).parent / "compat").glob("*.yml"))
RECORDS = {
    rule.record
    for name, groups in bundle.sources().items()
    if name.startswith("compat/")
    for group in groups
    for rule in group.rules
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bundle with compat is."""
    found = tmp_path_factory.mktemp("compat")
    for name, text in bundle.files(Values(compat=True)).items():
        (found / name).write_text(text, encoding="utf-8")
    return found


def promtool(folder: Path, *arguments: str) -> str:
    """What promtool says, which is an error if it is not content."""
    tool = shutil.which("promtool")
    assert tool is not None, "promtool is not on PATH; `make tools` gets it"
    done = subprocess.run(
        [tool, *arguments], cwd=folder, capture_output=True, check=False, timeout=60, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules(folder: Path) -> None:
    names = sorted(path.name for path in folder.glob("compat_*.yml"))
    promtool(folder, "check", "rules", "--lint=all", "--lint-fatal", *names)


@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.stem)
def test_records_have_the_names_units_and_labels_of_the_other_exporter(test: Path, folder: Path) -> None:
    shutil.copy(test, folder / "test.yml")
    assert "SUCCESS" in promtool(folder, "test", "rules", "test.yml")


def test_every_record_with_a_foreign_name_is_tested() -> None:
    asked = set(re.findall(r"\w+", " ".join(re.findall("expr: (.+)", "".join(map(_text, TESTS))))))
    assert {record for record in RECORDS if ":" not in record} - asked == set()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
