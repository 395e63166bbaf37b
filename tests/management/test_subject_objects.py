"""Objects, counted by state and project, on the page."""

import pytest

from stratoscope.clouds.model import Count, Objects
from stratoscope.management.subjects import objects
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
SIZED = {"volumes", "snapshots", "backups"}
WITH_ORPHANS = {"volumes", "ports", "floating_ips"}
WITH_ADMIN_STATE = {"ports", "routers", "networks"}


def count(sort: str, number: int) -> Count:
    return Count(number, number * GIB if sort in SIZED else None)


def some(sort: str, *, is_whole: bool = True) -> Objects:
    return Objects(
        sort,
        {"ACTIVE": count(sort, 3), 'odd "state"': count(sort, 1)},
        count(sort, 1) if sort in WITH_ORPHANS else None,
        {"p1": count(sort, 4), "": count(sort, 0)},
        is_whole=is_whole,
        admin_down=2 if sort in WITH_ADMIN_STATE else None,
    )


def shown(*answers: Objects) -> str:
    subject = objects.Objects("uni")
    return rendered((sample for one in answers for sample in subject.samples(one)), subject.families)


def test_every_sort_is_shown_as_the_golden_page_has_it() -> None:
    page = shown(*(some(sort) for sort in objects.SORTS))
    assert_golden("management_objects.prom", page)
    assert promtool_findings(page) == ""


@pytest.mark.parametrize("sort", objects.SORTS)
def test_no_objects_show_no_states_but_that_all_were_seen(sort: str) -> None:
    none = Objects(sort, {}, None, {})
    assert shown(none).splitlines()[2:] == [
        f'stratoscope_management_objects_whole{{cloud="uni",sort="{sort}"}} 1'
    ]


def test_no_orphans_are_zero() -> None:
    page = shown(Objects("volumes", {}, Count(0, 0), {}))
    assert 'stratoscope_management_volumes_orphaned{cloud="uni"} 0\n' in page
    assert 'stratoscope_management_volumes_orphaned_bytes{cloud="uni"} 0\n' in page


def test_own_projects_objects_are_not_taken_for_the_clouds() -> None:
    page = shown(some("ports", is_whole=False))
    assert 'stratoscope_management_objects_whole{cloud="uni",sort="ports"} 0\n' in page
