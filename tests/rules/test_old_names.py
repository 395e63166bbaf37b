"""Names that were released are kept for one major version."""

from pathlib import Path

import pytest
import yaml

from stratoscope.rules import VERSION, bundle, old_names, thresholds
from stratoscope.rules.old_names import OldName
from stratoscope.rules.values import Values
from support.released import git, names_of_the_last_release

ROOT = Path(__file__).parents[2]
NAMES = {
    rule.record or rule.alert for one in bundle.sources().values() for group in one for rule in group.rules
}
NAMES |= {form.format(name) for name in thresholds.known() for form in (thresholds.RECORD, thresholds.BUCKET)}
RENAMED = {
    "cloud:stratoscope_old:sum": OldName(new="cloud:stratoscope_new:sum", until="2.0.0"),
    "cloud:stratoscope_gone:sum": OldName(new="", until="2.0.0"),
    "StratoscopeOld": OldName(new="StratoscopeNew", until="2.0.0"),
}


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_what_was_released_and_is_no_more_is_an_old_name() -> None:
    assert names_of_the_last_release(ROOT) - NAMES - old_names.known().keys() == set()


def test_old_names_lead_to_new_ones_and_end_with_a_later_version() -> None:
    for old, name in old_names.known().items():
        assert old not in NAMES
        assert name.new in {"", *NAMES}
        assert version(name.until) > version(VERSION), f"{old} has ended: remove it"


def test_renamed_record_is_also_written_under_its_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "old_names.yml" not in bundle.files(Values())
    monkeypatch.setattr(old_names, "known", lambda: RENAMED)  # nothing was renamed yet
    (group,) = yaml.safe_load(bundle.files(Values())["old_names.yml"])["groups"]
    assert group["rules"] == [{"record": "cloud:stratoscope_old:sum", "expr": "cloud:stratoscope_new:sum"}]


def test_names_of_a_release_are_those_of_its_tag(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for key in ("name", "email"):
        git(tmp_path, "config", f"user.{key}", "somebody")
    file = tmp_path / "prometheus/rules/one.yml"
    file.parent.mkdir(parents=True)
    for names in (["a:b:c", "d:e:f"], ["a:b:c"]):
        rules = [{"record": name, "expr": "1"} for name in names] + [{"alert": "Bad", "expr": "1"}]
        file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message=.")
        if len(names) > 1:
            assert names_of_the_last_release(tmp_path) == set()
            git(tmp_path, "tag", "v0.1.0")
    assert names_of_the_last_release(tmp_path) == {"a:b:c", "d:e:f", "Bad"}
