"""What the dashboard on the exporters finds in a small site."""

from pathlib import Path
from typing import Final

from support.board_at_noon import BoardAtNoon

BOARD: Final = BoardAtNoon("exporters")
BUILD: Final = "stratoscope_build_info{%s}"
OF_HOST: Final = 'cloud="lab",job="h",instance="n1:10971",exporter="hypervisor",version="0.1.2"'
OF_DOWNTIMES: Final = 'job="d",instance="m:10974",exporter="downtime",version="0.1.1"'
BUILDS: Final = {BUILD % OF_HOST: 1, BUILD % OF_DOWNTIMES: 1}


def test_versions_of_exporters_stand_beside_that_of_the_rules(tmp_path: Path) -> None:
    found = {
        '{cloud="lab",exporter="hypervisor",version="0.1.2"}': 1,
        '{exporter="downtime",version="0.1.1"}': 1,
        '{exporter="(the rules)",version="0.1.0"}': 1,
    }
    series = {**BUILDS, 'stratoscope_rules_info{version="0.1.0"}': 1}
    assert BOARD.differs(tmp_path, BOARD.query("Versions", "lab"), series, found) == ""


def test_exporters_of_others_are_not_ours(tmp_path: Path) -> None:
    known = 'instance:stratoscope_build_info:known{cloud="lab",job="h",instance="n1:10971"}'
    ours, others = 'up{cloud="lab",job="h",instance="n1:10971"}', 'up{cloud="lab",job="h",instance="n1:9100"}'
    query = BOARD.query("Exporters that do not answer")
    assert BOARD.differs(tmp_path, query, {ours: 0, others: 0, known: 1}, {ours: 0}) == ""


def test_what_a_process_uses_is_shown_with_the_name_of_its_exporter(tmp_path: Path) -> None:
    """The metrics of a process have the labels of the target alone, and other programs have them, too."""
    series = {
        **BUILDS,
        'process_resident_memory_bytes{cloud="lab",job="h",instance="n1:10971"}': 5e7,
        'process_resident_memory_bytes{job="d",instance="m:10974"}': 9e7,
        'process_resident_memory_bytes{job="prometheus",instance="m:9090"}': 9e9,
    }
    found = {
        '{cloud="lab",job="h",instance="n1:10971",exporter="hypervisor"}': 5e7,
        '{job="d",instance="m:10974",exporter="downtime"}': 9e7,
    }
    assert BOARD.differs(tmp_path, BOARD.query("Memory"), series, found) == ""


def test_budget_is_that_of_each_exporter(tmp_path: Path) -> None:
    labels = 'cloud="lab",job="m",instance="m:10972"'
    requests = f'stratoscope_cloud_requests_total{{{labels},service="%s",operation="list",code="200"}}'
    series: dict[str, float | str] = {
        requests % "compute": "0+600x144",
        requests % "image": "0+300x144",
        f"stratoscope_cloud_budget_requests_per_second{{{labels}}}": 10,
    }
    assert BOARD.differs(tmp_path, BOARD.query("Used of the budget"), series, {'{cloud="lab"}': 0.3}) == ""


def test_groups_of_rules_have_short_names(tmp_path: Path) -> None:
    rule_group = '{instance="m:9090",rule_group="/etc/prometheus/rules/meta.yml;stratoscope-meta"}'
    series = {
        f"prometheus_rule_group_last_duration_seconds{rule_group}": 2,
        f"prometheus_rule_group_interval_seconds{rule_group}": 20,
    }
    found = {f'{rule_group.removesuffix("}")},group="stratoscope-meta"}}': 0.1}
    assert (
        BOARD.differs(
            tmp_path, BOARD.query("Evaluation of a group of rules over its interval"), series, found
        )
        == ""
    )


def test_age_of_collectors_stands_beside_the_threshold_of_its_alert(tmp_path: Path) -> None:
    threshold = "global:collector_stale_intervals:threshold"
    asked = BOARD.query("Age over interval", ref="B")
    assert BOARD.differs(tmp_path, asked, {threshold: 4}, {"{}": 4}) == ""
