"""The checks of the rules find what they are for."""

import pytest

from support.neutral import spelled_by_a_kind
from support.rule_checks import Known, checked, matchers

KNOWN = Known({"vm:info:unique": frozenset({"cloud", "vm_id", "project_id"})})
LATENCY = "stratoscope_management_endpoint_latency_seconds"
CPU = "stratoscope_hypervisor_vm_cpu_seconds_total"


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        (f"sum by (cloud) (rate({CPU}[5m]))", {"cloud"}),
        (f"sum without (instance, job) ({CPU})", {"cloud", "vm_id"}),
        ("up == 0 and on (job, instance) stratoscope_build_info", {"cloud", "host", "instance", "job"}),
        (f"{CPU} * on (cloud, vm_id) group_left (project_id) vm:info:unique",
         {"cloud", "vm_id", "project_id", "instance", "job"}),
        (f"vm:info:unique * on (cloud, vm_id) group_right (project_id) {CPU}",
         {"cloud", "vm_id", "project_id", "instance", "job"}),
        ("vm:info:unique / on (cloud) up", {"cloud"}),
        ("vm:info:unique / ignoring (vm_id) up", {"cloud", "project_id"}),
        ("vm:info:unique / up", {"cloud", "vm_id", "project_id"}),
        ("topk by (cloud) (1, vm:info:unique)", {"cloud", "vm_id", "project_id"}),
        ('count_values by (cloud) ("state", up)', {"cloud", "state"}),
        ('label_replace(vector(1), "le", "60", "", "")', {"le"}),
        ('label_join(up, "instance", "", "cloud")', {"cloud", "host", "instance", "job"}),
        ('label_join(up, "hostname", "", "host")', {"cloud", "host", "hostname", "instance", "job"}),
        (f"histogram_quantile(0.9, sum by (cloud, le) (rate({LATENCY}_bucket[5m])))",
         {"cloud"}),
        ("time() - stratoscope_config_last_reload_successful", {"cloud", "instance", "job"}),
        ("(1 + 1) * -max_over_time(vm:info:unique[1h:5m])", {"cloud", "vm_id", "project_id"}),
        ('absent({__name__="x", cloud="y"})', {"cloud"}),
    ],
)  # fmt: skip
def test_labels_of_a_result(expression: str, labels: set[str]) -> None:
    found, looked = checked(expression, KNOWN)
    assert (found, looked.problems) == (labels, [])


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("stratoscope_nothing", "no metric stratoscope_nothing"),
        ('up{vm_id="x"}', "up{} has no label vm_id"),
        ("sum by (vm_id) (up)", "by or without has no label vm_id"),
        ("up * on (vm_id) vm:info:unique", "on, left side, has no label vm_id"),
        ("vm:info:unique * on (vm_id) up", "on, right side, has no label vm_id"),
        ("up * on (cloud) group_left (flavor) vm:info:unique", "group_left has no label flavor"),
        ("vm:info:unique * on (cloud) group_right (flavor) up", "group_right has no label flavor"),
        ("rate(up[5m])", "rate of the gauge up"),
        ("increase(vm:info:unique[5m])", "increase of the gauge vm:info:unique"),
        (f"deriv({CPU}[5m])", f"deriv of the counter {CPU}"),
        (f"deriv({LATENCY}_count[5m])",
         f"deriv of the counter {LATENCY}_count"),
    ],
)  # fmt: skip
def test_problem_is_named(expression: str, problem: str) -> None:
    assert checked(expression, KNOWN)[1].problems == [problem]


def test_what_aggregations_keep_is_known() -> None:
    found = checked(f"sum(up) + on () count by (cloud) ({CPU})", KNOWN)[1]
    assert found.kept == [frozenset(), frozenset({"cloud"})]


def test_matchers_of_an_expression() -> None:
    found = set(matchers(f'rate({CPU}{{cloud="a"}}[5m]) / (up{{job=~"x.*"}} or -vm:info:unique)'))
    assert found == {(CPU, "cloud", "a"), ("up", "job", "x.*")}


@pytest.mark.parametrize(
    "matcher",
    ['state="ACTIVE"', 'state=~"error|ERROR"', 'binary="nova-compute"', 'service!="compute"', 'zone="nova"',
     'reason="MaxRetries"', 'zone=~"(?i)no.*"', 'phase=~"scheduled|spawning"', 'resource="MEMORY_MB"',
     'scope=~"cl.*"'],
)  # fmt: skip
def test_value_that_one_kind_of_cloud_alone_spells_is_found(matcher: str) -> None:
    name, _, value = matcher.partition('"')
    label = name.rstrip("=~!")
    found = list(spelled_by_a_kind(f"sum(stratoscope_management_hosts{{{matcher}}})"))
    assert found == [f'stratoscope_management_hosts{{{label}="{value}}}']


@pytest.mark.parametrize(
    "selector",
    [
        'stratoscope_vmprobe_probe_state{state="paused"}',
        'stratoscope_vmprobe_phase_last_duration_seconds{phase=~"scheduled|built"}',
        'stratoscope_management_hosts{zone!=""}',
        'stratoscope_build_info{version!~"1.+"}',
        'stratoscope_management_vm_info{vm_name=~"(?is).*.*"}',
        'stratoscope_hypervisor_vm_disk_limit_bytes_per_second{limit="total_bytes_sec"}',
    ],
)
def test_value_that_this_project_spells_is_not_found(selector: str) -> None:
    assert list(spelled_by_a_kind(selector)) == []
