"""What the boards for owners of VMs say where the project has the same id in two clouds."""

from pathlib import Path

import pytest

from support.board_values import board, check, filled


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
    (target, *_) = shown["targets"]
    legend = target.get("legendFormat", "")
    columns = [*shown["transformations"][-1]["options"]["indexByName"]] if "transformations" in shown else []
    labels = [
        name for name in ("cloud", "service", "resource") if f"{{{{{name}}}}}" in legend or name in columns
    ]
    expr = f"count by ({', '.join(labels)}) ({filled(target['expr'])})"
    found = {f'{{cloud="{cloud}", service="compute", resource="cores"}}': 1 for cloud in ("north", "south")}
    check(tmp_path, expr, series, found)
