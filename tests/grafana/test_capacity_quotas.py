"""Which quotas the board of capacity shows, of more than fit."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import check, query

OF: Final = "stratoscope_management_quota"


def quota(resource: str, project: str, *, used: int, limit: int | None) -> dict[str, str]:
    """As two replicas of an exporter show it."""
    values = {"used": used} | ({"unlimited": 1} if limit is None else {"limit": limit})
    return {
        f'{OF}_{what}{resource[:-1]}, project_id="{project}", instance="{replica}"}}': f"{value}x100"
        for what, value in values.items()
        for replica in "ab"
    }


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
