"""The questions and answers in PROMQL of the documentation: they name what there is, and they find it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from stratoscope.downtime.matchers import Matcher, matcher_set
from stratoscope.downtime.scope import LABELS, covered
from stratoscope.rules import bundle
from stratoscope.show.queries import QUERIES
from support.declared import FAMILIES
from support.promql import names, unknown_labels, what_differs, what_fails_while_two_targets_show_it
from support.rules_known import KNOWN as RULES_KNOWN

ROOT = Path(__file__).parents[1]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
COMING_FROM = {
    name: [line[1:-1].split(" | ") for line in page.partition("## Comparison of values")[0].splitlines()
           if line.startswith("| `")]
    for name, page in PAGES.items() if name.startswith("from-")
}  # fmt: skip
"""The rows of the tables theirs, ours, remark."""
KNOWN = {family.name for family in FAMILIES} | {"stratoscope_build_info"}
RECORDS = {*RULES_KNOWN.records, *(query.record for query in QUERIES)}
SHORT = {family.name.removeprefix("stratoscope_hypervisor_"): family.name for family in FAMILIES}


def spelt_out(answer: str) -> str:
    """With the prefix that the page for those who come from libvirt exporters leaves out."""
    return re.sub(r'(?<![\w"])[a-z]+_\w+(?!["\w])', lambda word: SHORT.get(word[0], word[0]), answer)


def asked(name: str) -> list[str]:
    """All expressions of a page."""
    blocks = re.findall(r"^```promql\n(.*?)^```", PAGES[name], re.MULTILINE | re.DOTALL)
    answers = [one for row in COMING_FROM.get(name, ()) for one in re.findall(r"`([^`]+)`", row[1])]
    return blocks + [spelt_out(one) for one in answers if one != "stratoscope_build_info"]


ASKED = {name: expressions for name in PAGES if (expressions := asked(name))}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_records_and_alerts_that_a_page_names_are_in_the_bundle(page: str) -> None:
    """Words with two colons are no records where none begins so, such as rights of OpenStack."""
    text = (ROOT / page).read_text(encoding="utf-8")
    levels = {name.partition(":")[0] for name in RECORDS}
    named = {name for name in re.findall(r"\b[a-z_]+:\w+:\w+", text) if name.partition(":")[0] in levels}
    assert named - RECORDS == set()
    assert set(re.findall(r"\bStratoscope[A-Z]\w+", text)) - {*bundle.alerts()} == set()


def test_pages_have_their_questions() -> None:
    assert {name: len(expressions) for name, expressions in ASKED.items()}.keys() == {
        "downtime.md", "from-opennebula-exporter.md", "from-openstack-exporter.md",
        "from-other-libvirt-exporters.md", "from-other-vm-probes.md", "hypervisor.md", "management.md",
        "vmprobe.md",
    }  # fmt: skip
    assert sum(map(len, ASKED.values())) > 300


@pytest.mark.parametrize("page", ASKED)
def test_every_metric_in_a_question_is_declared(page: str) -> None:
    assert {name for one in ASKED[page] for name in names(one)} - KNOWN == set()
    assert [one for one in ASKED[page] if not names(one)] == []


@pytest.mark.parametrize("page", ASKED)
def test_every_label_in_a_question_is_one_of_its_metrics(page: str) -> None:
    assert {label for one in ASKED[page] for label in unknown_labels(one)} == set()


@pytest.mark.parametrize("page", ASKED)
def test_every_question_finds_what_it_asks_for_while_two_targets_show_it(page: str, tmp_path: Path) -> None:
    """As while a VM migrates, or with two exporters for one cloud."""
    assert what_fails_while_two_targets_show_it(ASKED[page], tmp_path) == ""


@pytest.mark.parametrize("page", COMING_FROM)
def test_every_row_has_an_answer_or_a_reason(page: str) -> None:
    rows = COMING_FROM[page]
    without = [row for row in rows if not row[1].strip() or row[1] == "nothing"]
    assert [row[0] for row in without if not row[2].removeprefix("none: ").strip()] == []


def test_every_family_of_openstack_exporter_has_one_row() -> None:
    """15 services with 137 families and an `up` each, and two of the exporter itself."""
    theirs = [row[0] for row in COMING_FROM["from-openstack-exporter.md"]]
    assert len(theirs) == len(set(theirs)) == 137 + 15 + 2
    assert len([one for one in theirs if one.endswith("_up`")]) == 15


def test_every_alert_of_the_chart_of_openstack_exporter_has_one_row() -> None:
    text = PAGES["from-openstack-exporter.md"].partition("## Alerts of its chart")[2]
    theirs = re.findall(r"`((?:Cinder|Neutron|Nova)[A-Z]\w+)`", text)
    assert len(theirs) == len(set(theirs)) == 12


def test_every_alert_of_opennebula_s_rules_has_one_row() -> None:
    text = PAGES["from-opennebula-exporter.md"].partition("## Alerts of its rules")[2]
    theirs = re.findall(r"^\| ([\w, ]+?) \|", text, re.MULTILINE)[1:]
    assert {one for row in theirs for one in row.split(", ")} == {
        *("AvailableMemory10", "DiskFree", "HookManagerDown", "HostDown", "InstanceDown", "LibvirtDown"),
        *("LoadAverage15", "OnedDown", "RebootInLast5Minutes", "SchedulerDown", "VMFailed", "VMPending"),
    }


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        (
            "stratoscope_hypervisor_vm_vcpus * on (cloud, vm_id) stratoscope_hypervisor_vm_info",
            "many-to-many matching not allowed",
        ),
        ("stratoscope_hypervisor_host_cpus and on (domain) stratoscope_hypervisor_vm_info", "got: nil"),
    ],
)
def test_a_join_that_breaks_or_matches_nothing_is_found(expression: str, fault: str, tmp_path: Path) -> None:
    assert fault in what_fails_while_two_targets_show_it([expression], tmp_path)


def test_a_label_of_no_metric_is_found() -> None:
    question = 'sum by (domain) (stratoscope_hypervisor_host_vms{stat="running"})'
    assert unknown_labels(question) == {"domain", "stat"}


def of_boot(metric: str, more: str = "") -> str:
    """A series of the probe `boot`."""
    return f'stratoscope_vmprobe_{metric}{{cloud="uni",probe="boot"{more}}}'


FAILS = of_boot("last_failure", ',phase="built",reason="timeout",blame="cloud"')
IN_A_ROW = of_boot("consecutive_failures")
PAUSED = of_boot("probe_state", ',state="paused"')
SUCCESSES = of_boot("successful_runs_total")
FAILING = {FAILS: "1+0x180", PAUSED: "0+0x180"}
OLD = {of_boot("last_run_timestamp_seconds"): "1+0x180", of_boot("interval_seconds"): "300+0x180"}
RUNS = {of_boot("runs_total"): "0+0x30 1+0x30 2+0x120"}
ANSWERS = {
    "backs off": ("The cloud is to blame", {**FAILING, IN_A_ROW: "6+0x180"}, [1]),
    "one failure": ("The cloud is to blame", {**FAILING, IN_A_ROW: "1+0x180"}, []),
    "stale": ("Stale probes", {**OLD, IN_A_ROW: "0+0x180", PAUSED: "0+0x180"}, [7199]),
    "backs off, not stale": ("Stale probes", {**OLD, IN_A_ROW: "6+0x180", PAUSED: "0+0x180"}, []),
    "paused, not stale": ("Stale probes", {**OLD, IN_A_ROW: "0+0x180", PAUSED: "1+0x180"}, []),
    "first failure": ("Success rate", {**RUNS, SUCCESSES: "0+0x30 1+0x150"}, [0.5]),
}


@pytest.mark.parametrize(("question", "series", "values"), ANSWERS.values(), ids=ANSWERS)
def test_answer_about_a_probe_after_two_hours(
    question: str, series: Mapping[str, str], values: Sequence[float], tmp_path: Path
) -> None:
    assert what_differs(f"sum({answer('vmprobe.md', question)})", series, values, tmp_path) == ""


def answer(page: str, question: str) -> str:
    """The first expression after these words of a page."""
    _, _, after = PAGES[page].partition(question)
    return after.partition("```promql\n")[2].partition("```")[0]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["cloud=uni"], [1]),
        (["cloud=uni", "host=n1"], [1]),
        (["cloud=uni", "host=n2"], []),
        (["cloud=uni", "zone=az1"], []),
        (["cloud=uni", "vm_id=1"], []),
        (["cloud=uni", "project_id=a"], []),
        (["cloud=uni", "service=nova"], []),
        (["cloud=lab"], []),
        (["cloud=lab", "host=n1"], []),
        (["host=n1"], []),
        (["cloud=uni", "host=n1", "service=nova"], []),
    ],
)
def test_a_graph_shows_what_concerns_its_host_or_cloud_and_nothing_else(
    texts: Sequence[str], values: Sequence[float], tmp_path: Path
) -> None:
    found = covered(matcher_set(map(Matcher.parse, texts)))
    assert found is not None
    named = zip(LABELS, found.values, strict=True)
    labels = ",".join(f'{name}="{value}"' for name, value in (("scope", found.scope), *named))
    series = {
        f'stratoscope_downtime_active{{downtime_id="a",{labels}}}': "1+0x120",
        'stratoscope_downtime_info{downtime_id="a",title="t",severity="outage"}': "1+0x120",
    }
    asked_for = answer("downtime.md", "What concerns the whole host").replace("$cloud", "uni")
    assert what_differs(f"sum({asked_for.replace('$host', 'n1')})", series, values, tmp_path) == ""
