"""Orphans and objects in error by name, on the page."""

from typing import Final

from stratoscope.clouds.model import Images as ManyImages
from stratoscope.clouds.model import Objects as Counted
from stratoscope.clouds.orphans import Orphan, OrphanReason, Orphans
from stratoscope.management.subject import Bounds
from stratoscope.management.subjects.images import Images
from stratoscope.management.subjects.objects import Objects
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

ERROR: Final = Orphan("v1", 'ada\'s "disk"\n', "p1", OrphanReason.ERROR, "error_deleting", 1788264000.0)
UNBOUND: Final = Orphan("v2", "", "", OrphanReason.UNBOUND, "available", None)
PREFIX: Final = "stratoscope_management_orphan"


def counted(sort: str, *named: Orphan, beyond: int = 0) -> Counted:
    return Counted(sort, {}, None, {}, named=Orphans(named, beyond))


def shown(answer: Counted, bounds: Bounds | None = None) -> str:
    subject = Objects("uni")
    subject.bounds = bounds or Bounds()
    return rendered(subject.samples(answer), subject.families)


def test_orphans_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(counted("volumes", ERROR, UNBOUND, beyond=3))
    assert_golden("management_orphans.prom", page)
    assert promtool_findings(page) == ""


def test_no_more_are_shown_than_the_configuration_says_and_the_rest_is_counted() -> None:
    page = shown(counted("ports", ERROR, UNBOUND, beyond=3), Bounds(orphans=1))
    assert page.count(f"{PREFIX}_info{{") == 1
    assert 'object_id="v1"' in page
    assert f'{PREFIX}s_beyond_bound{{cloud="uni",sort="ports"}} 4\n' in page
    assert f"{PREFIX}_info{{" not in shown(counted("ports", ERROR), Bounds(orphans=0))


def test_a_sort_of_which_none_is_named_says_nothing_of_them() -> None:
    assert PREFIX not in shown(Counted("routers", {}, None, {}))


def test_images_are_among_them() -> None:
    subject = Images("uni")
    page = rendered(subject.samples(ManyImages(counted("images", UNBOUND), ())), subject.families)
    assert f'{PREFIX}_info{{cloud="uni",sort="images",object_id="v2",object_name="",project_id="",' in page
    assert f'{PREFIX}s_beyond_bound{{cloud="uni",sort="images"}} 0\n' in page
