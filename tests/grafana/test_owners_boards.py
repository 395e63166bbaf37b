"""What the boards for owners of VMs say of quotas, of a project in two clouds, of VMs without a project."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import board, check, filled, query


@pytest.mark.parametrize(
    ("panel", "used"),
    [
        ("How much of its quota it uses", "stratoscope_management_quota_used"),
        (
            "Quotas that are nearly used up",
            "project:stratoscope_management_quota_used:ratio_of_those_nearly_used",
        ),
        ("Quota: numbers", "stratoscope_management_quota_used"),
        ("Alerts about this project", "ALERTS"),
    ],
)
def test_regions_in_which_the_project_has_the_same_id_are_told_apart(
    panel: str, used: str, tmp_path: Path
) -> None:
    firing = ', alertname="StratoscopeQuotaNearlyUsed", alertstate="firing"' if used == "ALERTS" else ""
    of = f'project_id="p", service="compute", resource="cores"{firing}'
    series = {f'{used}{{cloud="{cloud}", {of}}}': "1x100" for cloud in ("north", "south")}
    series |= {
        f'stratoscope_management_quota_limit{{cloud="{cloud}", {of}}}': "1x100"
        for cloud in ("north", "south")
    }
    (shown,) = [one for one in board("project")["panels"] if one["title"] == panel]
    (*_, target) = shown["targets"]
    legend = target.get("legendFormat", "")
    columns = [*shown["transformations"][-1]["options"]["indexByName"]] if "transformations" in shown else []
    labels = [
        name for name in ("cloud", "service", "resource") if f"{{{{{name}}}}}" in legend or name in columns
    ]
    expr = f"count by ({', '.join(labels)}) ({filled(target['expr'])})"
    found = {f'{{cloud="{cloud}", service="compute", resource="cores"}}': 1 for cloud in ("north", "south")}
    check(tmp_path, expr, series, found)


@pytest.mark.parametrize(("threshold", "nearly_used"), [(0.8, set()), (0.75, {"cores"})])
def test_quota_is_nearly_used_as_the_rules_have_it(
    threshold: float, nearly_used: set[str], tmp_path: Path
) -> None:
    of = '{cloud="uni", project_id="p", service="compute", resource="%s"}'
    used = {"cores": 6, "instances": 1}
    series = {"global:quota_used_ratio:threshold": f"{threshold}x100"}
    series |= {
        f"stratoscope_management_quota_used{of % name}": f"{value}x100" for name, value in used.items()
    }
    series |= {f"stratoscope_management_quota_limit{of % name}": "8x100" for name in used}
    for ref, names in (("A", nearly_used), ("B", used.keys() - nearly_used)):
        shares = {f'{{cloud="uni", service="compute", resource="{name}"}}': used[name] / 8 for name in names}
        asked = query("project", "How much of its quota it uses", ref)
        check(tmp_path, asked, series, shares, ["management"])


NAMED: Final = 'cloud="uni", vm_id="1", vm_name="n", host="n1"'
OF_P: Final = 'cloud="uni", vm_id="2", vm_name="o", host="n1", project_id="p", project_name="chemistry"'
INFOS: Final = {f"vm:stratoscope_vm_info:unique{{{one}}}": "1x100" for one in (NAMED, OF_P)}


def test_vm_without_a_project_is_in_tables_where_others_have_one(tmp_path: Path) -> None:
    taken = 'instance_vm:stratoscope_contention:excess{cloud="uni", vm_id="%s"}'
    series = INFOS | {taken % "1": "2x100", taken % "2": "1x100"}
    check(tmp_path, query("hosts", "VMs that take most"), series, {f"{{{NAMED}}}": 2, f"{{{OF_P}}}": 1})


@pytest.mark.parametrize(("project", "vm", "labels"), [("p", "2", OF_P), ("", "1", NAMED)])
def test_link_to_a_vm_without_a_project_finds_it(project: str, vm: str, labels: str, tmp_path: Path) -> None:
    """Grafana puts nothing into the link where a row of the table has no project."""
    (panel,) = [one for one in board("vm")["panels"] if one["title"] == "Which VM this is"]
    asked = panel["targets"][0]["expr"]
    for name, value in {"$its_cloud": "uni", "$project": project, "$vm": vm}.items():
        asked = asked.replace(name, value)
    check(tmp_path, asked, INFOS, {f"vm:stratoscope_vm_info:unique{{{labels}}}": 1})
