"""What the board of capacity says of quotas: its queries, asked by promtool."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import check, query

OF: Final = "stratoscope_management_quota"
CORES: Final = '{cloud="uni", service="compute", resource="cores"}'
RAM: Final = '{cloud="uni", service="compute", resource="ram"}'
IPS: Final = '{cloud="uni", service="network", resource="floatingip"}'


def quota(resource: str, project: str, *, used: int, limit: int | None, unit: str = "") -> dict[str, str]:
    """As two replicas of an exporter show it."""
    values = {f"used{unit}": used}
    values |= {"unlimited": 1} if limit is None else {f"limit{unit}": limit}
    return {
        f'{OF}_{what}{resource[:-1]}, project_id="{project}", instance="{replica}"}}': f"{value}x100"
        for what, value in values.items()
        for replica in "ab"
    }


SERIES: Final = {
    **quota(CORES, "p", used=3, limit=10),
    **quota(CORES, "q", used=50, limit=None),
    **quota(RAM, "p", used=2_000, limit=8_000, unit="_bytes"),
    **quota(IPS, "p", used=7, limit=None),
    **quota(IPS, "q", used=0, limit=None),
    **quota('{cloud="uni", service="volume", resource="volumes"}', "p", used=0, limit=5),
}


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("A", {CORES: 3}),
        ("B", {CORES: 10}),
        ("C", {RAM: 2_000}),
        ("D", {RAM: 8_000}),
        ("E", {CORES: 1, IPS: 2}),
    ],
)
def test_use_is_compared_with_what_is_allowed_to_the_same_projects(
    ref: str, found: dict[str, float], tmp_path: Path
) -> None:
    check(tmp_path, query("capacity", "What quotas allow, of all projects", ref), SERIES, found)


@pytest.mark.parametrize("ref", ["A", "B", "E"])
def test_all_columns_have_the_rows_of_what_is_used_most(ref: str, tmp_path: Path) -> None:
    series: dict[str, str] = {}
    for place in range(70):
        resource = f'{{cloud="uni", service="s", resource="{place:02}"}}'
        # What is used most is allowed least.
        series |= quota(resource, "p", used=place + 1, limit=1_000 - place)
        series |= quota(resource, "q", used=0, limit=None)
    shown = query("capacity", "What quotas allow, of all projects", ref)
    least = f'(({shown}) and on (resource) group by (resource) ({OF}_used{{resource=~"0."}}))'
    check(tmp_path, f'label_replace(count({shown}), "rows", "all", "", "")', series, {'{rows="all"}': 60})
    check(tmp_path, least, series, {})
