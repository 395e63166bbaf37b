"""The page for those who come from another libvirt exporter: what it names is there."""

import re
from pathlib import Path

import pytest

from stratoscope.hypervisor.collectors import background, block_jobs, daemon, totals
from stratoscope.hypervisor.settings import subjects

PAGE = (Path(__file__).parents[2] / "docs" / "from-other-libvirt-exporters.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
COLLECTORS = (background.Pools, background.Jobs, block_jobs.Mirrors, daemon.Daemon)
FAMILIES = {
    family.name.removeprefix("stratoscope_hypervisor_"): family
    for families in (
        *(subject.families for subject in subjects("")),
        *(collector.families for collector in COLLECTORS),
        totals.FAMILIES,
    )
    for family in families
}
OURS = re.compile(r"\b(?:vm|host|libvirt)_[a-z_]+\b")


def test_every_family_of_the_four_is_there_once() -> None:
    names: list[list[str]] = [[]]
    for line in PAGE.splitlines():
        if line.startswith("## "):
            names.append([])
        elif line.startswith("| `"):
            names[-1].append(line.split("`")[1])
    assert [len(of) for of in names if of] == [19, 67, 65, 35]
    assert all(len(of) == len(set(of)) for of in names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_named_in_answer_is_a_family_of_ours(row: list[str]) -> None:
    named = OURS.findall(" ".join(row[1:]).replace("vm_id", "").replace("vm_name", ""))
    assert named or row[1] == "nothing" or "stratoscope_collector" in row[1]
    assert [name for name in named if name not in FAMILIES and name not in _LABELS] == []


_LABELS = {label for family in FAMILIES.values() for label in family.labels}
