"""Quotas on the page."""

from stratoscope.clouds import model, owners
from stratoscope.management.subjects.quotas import Quotas
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
SPREAD = model.Spread("compute_quotas", 100, 60, 1795305600.0, 1.0)
QUOTAS = (
    owners.Quota("p1", "compute", "cores", 20, 4, 2, in_bytes=False),
    owners.Quota("p1", "compute", "ram", 50 * GIB, 8 * GIB, 0, in_bytes=True),
    owners.Quota("p1", "block-storage", "per_volume_gigabytes", None, None, None, in_bytes=True),
    owners.Quota("p2", "compute", "cores", None, 7, None, in_bytes=False),
)
OF_USERS = (
    owners.Quota("7", "vm", "VMS", 4, 3, None, in_bytes=False),
    owners.Quota("", "vm", "VMS", 2, 1, None, in_bytes=False, user_id="7"),
    owners.Quota("", "vm", "MEMORY", None, GIB, None, in_bytes=True, user_id="7"),
)


def shown(answer: owners.Quotas) -> str:
    subject = Quotas("uni")
    return rendered(subject.samples(answer), subject.families)


def test_quotas_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(owners.Quotas((*QUOTAS, *OF_USERS), SPREAD))
    assert_golden("management_quotas.prom", page)
    assert promtool_findings(page) == ""


def test_unlimited_is_a_series_of_its_own_and_no_limit_is_shown() -> None:
    page = shown(owners.Quotas(QUOTAS[3:], SPREAD))
    labels = '{cloud="uni",project_id="p2",service="compute",resource="cores"}'
    assert f"stratoscope_management_quota_unlimited{labels} 1\n" in page
    assert f"stratoscope_management_quota_used{labels} 7\n" in page
    assert "quota_limit" not in page
    assert "quota_reserved" not in page


def test_quota_with_a_limit_has_no_series_that_says_it_is_not_unlimited() -> None:
    page = shown(owners.Quotas(QUOTAS[:2], SPREAD))
    assert "quota_limit" in page
    assert "quota_unlimited" not in page


def test_before_any_quota_is_read_only_how_far_it_is_shows() -> None:
    page = shown(owners.Quotas((), model.Spread("compute_quotas", 100, 0, None, 1.0)))
    assert "management_quota" not in page
    assert 'management_spread_items{cloud="uni",collector="compute_quotas"} 100\n' in page


def test_a_user_with_the_id_of_a_project_has_quotas_of_its_own() -> None:
    page = shown(owners.Quotas(OF_USERS, None))
    assert 'management_quota_limit{cloud="uni",project_id="7",service="vm",resource="VMS"} 4\n' in page
    assert 'management_user_quota_limit{cloud="uni",user_id="7",service="vm",resource="VMS"} 2\n' in page
    assert (
        'management_user_quota_unlimited{cloud="uni",user_id="7",service="vm",resource="MEMORY"} 1\n' in page
    )
    assert "spread" not in page
