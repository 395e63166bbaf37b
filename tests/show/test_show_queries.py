"""The demo's own queries and its judge's: names and labels are declared, and each answers as it should."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from stratoscope.show import prometheus
from stratoscope.show.events import SEEN, SEEN_ON_HOSTS
from stratoscope.show.queries import QUERIES, WAITING, TitledQuery
from support.demo_promises import EXPECTED, exporters_up
from support.promql import promtool_says
from support.rule_checks import checked
from support.rules_known import KNOWN, RULES

OF_EVENTS: Final = dict(
    zip(("silent agent", "broken", "off", "noisy"), (SEEN | SEEN_ON_HOSTS).values(), strict=True)
)
JUDGED: Final = {**EXPECTED, **OF_EVENTS, "exporters up": exporters_up(2)}
BY_RECORD: Final = {query.record: query for query in QUERIES}
Samples = Sequence[tuple[Mapping[str, str], float]]
VM: Final = 'cloud="demo",project_id="p1",'


def series(name: str, value: str, **labels: str) -> tuple[str, str]:
    return name + "{" + ",".join(f'{one}="{text}"' for one, text in labels.items()) + "}", f"{value}+0x60"


ZONES: Final = "zone:stratoscope_management_host_vcpus_allocated:ratio"
VCPUS: Final = "project:stratoscope_management_project_vcpus:max"
PROJECT: Final = "stratoscope_management_project_info"
OLDEST: Final = "stratoscope_management_vms_in_transition_oldest_timestamp_seconds"
DELAY: Final = "vm:stratoscope_hypervisor_vm_vcpu_delay_seconds:rate5m_ratio"
INFO: Final = "vm:stratoscope_vm_info:unique"
UP: Final = "service:stratoscope_management_service_up:max"
SUCCESS: Final = "stratoscope_collector_success"
ANSWERED: Final[Mapping[str, tuple[Sequence[tuple[str, str]], Samples]]] = {
    "zone:full:ratio": (
        [series(ZONES, "0.77", cloud="demo", zone="edge"), series(ZONES, "0.4", cloud="demo", zone="north")],
        [({"cloud": "demo", "zone": "edge"}, 0.77), ({"cloud": "demo", "zone": "north"}, 0.4)],
    ),
    "project:share:ratio": (  # of six in a cloud the least is left out; two exporters show each name
        [
            *(series(VCPUS, str(10 * n), cloud="demo", project_id=f"p{n}") for n in range(1, 7)),
            *(
                series(PROJECT, "1", cloud="demo", project_id=f"p{n}", project_name=f"N{n}", instance=one)
                for n in range(1, 7)
                for one in "ab"
            ),
            series(VCPUS, "7", cloud="demo-one", project_id="p1"),
            series(PROJECT, "1", cloud="demo-one", project_id="p1", project_name="N1"),
        ],
        [
            ({"cloud": "demo-one", "project_id": "p1", "project_name": "N1"}, 1.0),
            *(
                ({"cloud": "demo", "project_id": f"p{n}", "project_name": f"N{n}"}, 10 * n / 210)
                for n in range(2, 7)
            ),
        ],
    ),
    "state:waiting:hours": (  # at 1,800 s, of the oldest
        [
            series(OLDEST, "-1800", cloud="demo", state="spawning", zone="a"),
            series(OLDEST, "0", cloud="demo", state="spawning", zone="b"),
            series(OLDEST, "1440", cloud="demo", state="migrating", zone="a"),
        ],
        [({"cloud": "demo", "state": "spawning"}, 1.0), ({"cloud": "demo", "state": "migrating"}, 0.1)],
    ),
    "vm:waiting:ratio": (  # of six VMs the one that waits least is left out
        [
            *(series(DELAY, str(n / 10), cloud="demo", project_id="p1", vm_id=f"v{n}") for n in range(1, 7)),
            *(
                series(INFO, "1", cloud="demo", project_id="p1", vm_id=f"v{n}", vm_name=f"N{n}", host="cn04")
                for n in range(1, 7)
            ),
        ],
        [
            (
                {"cloud": "demo", "project_id": "p1", "vm_id": f"v{n}", "vm_name": f"N{n}", "host": "cn04"},
                n / 10,
            )
            for n in range(2, 7)
        ],
    ),
    "service:down:bool": (
        [
            series(UP, "0", cloud="demo", binary="nova-compute", host="cn11"),
            series(UP, "1", cloud="demo", binary="nova-compute", host="cn01"),
        ],
        [({"cloud": "demo", "binary": "nova-compute", "host": "cn11"}, 0)],
    ),
    "exporter:well:ratio": (
        [
            series(SUCCESS, "1", job="a", collector="x"),
            series(SUCCESS, "0", job="a", collector="y"),
            series(SUCCESS, "1", job="b", collector="x"),
        ],
        [({"job": "a"}, 0.5), ({"job": "b"}, 1)],
    ),
}
"""By record: series, and what is recorded after half an hour of them."""
GOOD: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "clouds with VMs": [
        series("stratoscope_management_vm_info", "1", cloud=one, vm_id="v") for one in ("demo", "demo-one")
    ],
    "off": [series("stratoscope_downtime_active", "1", cloud="demo-one", scope="host", host="cn04")],
    "probes that have run": [
        series("stratoscope_vmprobe_runs_total", "1", cloud="demo", probe=probe, outcome=outcome)
        for probe, outcome in (("a", "success"), ("b", "failed"), ("c", "success"))
    ],
    "probes whose VM was created and is gone": [
        series("stratoscope_vmprobe_success", "1", cloud="demo", probe="a"),
        series("stratoscope_vmprobe_success", "1", cloud="demo-one", probe="c"),
        series("stratoscope_vmprobe_success", "0", cloud="demo", probe="b"),
    ],
    "probes that fail on their image, to blame: the cloud": [
        series(
            "stratoscope_vmprobe_last_failure", "1",
            cloud="demo", probe="b", phase="built", reason="image", blame="cloud",
        )
    ],
    "hosts in downtime": [
        series("stratoscope_downtime_active", "1", cloud="demo", scope="host", host="cn11")
    ],
    "clouds with room": [
        series("stratoscope_management_flavor_room_vms", "3", cloud=cloud, flavor="f")
        for cloud in ("demo", "demo-one")
    ],
    "silent agent": [series("ALERTS", "1", alertname="StratoscopeServiceDown", alertstate="firing")],
    "broken": [series("ALERTS", "1", alertname="StratoscopeVMCreationBroken", alertstate="firing")],
    "noisy": [
        series("vm:stratoscope_contention:verdict", "1", cloud="demo", vm_id="v", cause="noisy_neighbour")
    ],
    "exporters up": [series("up", "1", job="a"), series("up", "1", job="b")],
}  # fmt: skip
"""By what is judged: series of a demo that is well."""
BAD: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "clouds with VMs": [series("stratoscope_management_vm_info", "1", cloud="demo", vm_id="v")],
    "off": [
        series("stratoscope_downtime_active", "0", cloud="demo-one", scope="host", host="cn04"),
        series("stratoscope_downtime_active", "1", cloud="demo", scope="host", host="cn04"),
    ],
    "probes that have run": [
        series("stratoscope_vmprobe_runs_total", "1", cloud="demo", probe="a", outcome="success"),
        series("stratoscope_vmprobe_runs_total", "0", cloud="demo", probe="b", outcome="failed"),
    ],
    "probes whose VM was created and is gone": [
        series("stratoscope_vmprobe_success", "1", cloud="demo", probe="a"),
        series("stratoscope_vmprobe_success", "0", cloud="demo", probe="b"),
    ],
    "probes that fail on their image, to blame: the cloud": [
        series("stratoscope_vmprobe_last_failure", "1", cloud="demo", probe="b", **labels)
        for labels in (
            {"phase": "resolve", "reason": "image", "blame": "project"},
            {"phase": "built", "reason": "network", "blame": "cloud"},
            {"phase": "networked", "reason": "image", "blame": "cloud"},
        )
    ],
    "hosts in downtime": [
        series("stratoscope_downtime_active", "0", cloud="demo", scope="host", host="cn11"),
        series("stratoscope_downtime_active", "1", cloud="demo", scope="host", host="cn01"),
    ],
    "clouds with room": [
        series("stratoscope_management_flavor_room_vms", "3", cloud="demo", flavor="f"),
        series("stratoscope_management_flavor_room_vms", "0", cloud="demo-one", flavor="f"),
    ],
    "silent agent": [
        series("ALERTS", "1", alertname="StratoscopeHostDown", alertstate="firing"),
        series("ALERTS", "1", alertname="StratoscopeServiceDown", alertstate="pending"),
    ],
    "broken": [
        series("ALERTS", "1", alertname="StratoscopeServiceDown", alertstate="firing"),
        series("ALERTS", "1", alertname="StratoscopeVMCreationBroken", alertstate="pending"),
    ],
    "noisy": [series("vm:stratoscope_contention:verdict", "1", cloud="demo", vm_id="v", cause="own_limit")],
    "exporters up": [series("up", "1", job="a"), series("up", "0", job="b")],
}  # fmt: skip
"""By what is judged: series of a demo that is not."""


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.record)
def test_query_names_what_is_declared_or_recorded_and_has_the_labels_that_its_answer_shows(
    query: TitledQuery,
) -> None:
    labels, found = checked(query.expr, KNOWN)
    assert found.problems == []
    assert labels >= set(query.labels)
    assert checked(query.reads, KNOWN)[1].problems == []


def test_answer_that_names_a_vm_has_what_its_page_needs() -> None:
    assert checked(WAITING.expr, KNOWN)[0] >= {"cloud", "project_id", "vm_id"}


@pytest.mark.parametrize("query", JUDGED.values(), ids=JUDGED)
def test_what_is_judged_is_declared_or_recorded(query: str) -> None:
    assert checked(query, KNOWN)[1].problems == []


def test_alerts_that_are_waited_for_are_in_the_bundle() -> None:
    alerts = {rule.alert for rule in RULES.values()}
    named = {query.split('"')[1] for query in SEEN.values() if query.startswith("ALERTS{")}
    assert named == {"StratoscopeServiceDown", "StratoscopeVMCreationBroken"} & alerts


def test_each_query_records_its_answer(tmp_path: Path) -> None:
    assert set(ANSWERED) == set(BY_RECORD)
    tests = [
        case(shown, record, [{"labels": text(record, labels), "value": value} for labels, value in expected])
        for record, (shown, expected) in ANSWERED.items()
    ]
    assert said_of(tests, tmp_path) == ""


def test_what_is_judged_has_a_result_in_a_demo_that_is_well_and_none_in_another(tmp_path: Path) -> None:
    assert set(GOOD) == set(BAD) == set(JUDGED)
    tests = []
    for what, query in JUDGED.items():
        has_result = f"count({query}) > bool 0"
        tests.append(case(GOOD[what], has_result, [{"labels": "{}", "value": 1}]))
        tests.append(case(BAD[what], query, []))
    assert said_of(tests, tmp_path) == ""


def text(name: str, labels: Mapping[str, str]) -> str:
    return series(name, "", **labels)[0]


def case(shown: Sequence[tuple[str, str]], expr: str, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A test of promtool: what an expression gives after half an hour of these series."""
    return {
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in shown],
        "promql_expr_test": [{"expr": expr, "eval_time": "30m", "exp_samples": samples}],
    }


def said_of(tests: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """What promtool says of tests that fail under the demo's own rules."""
    (folder / "demo.yml").write_text(json.dumps(prometheus.records()))
    file = folder / "tests.yml"
    file.write_text(json.dumps({"rule_files": ["demo.yml"], "evaluation_interval": "1m", "tests": tests}))
    return promtool_says(file)
