"""Images, counted and named, on the page."""

from stratoscope.clouds import model
from stratoscope.clouds.model import Count
from stratoscope.management.subjects.images import Images
from stratoscope.management.top_k import MOST
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

COUNTED = model.Objects(
    "images", {"active": Count(2, 65536), "queued": Count(1, 0)}, None, {"p1": Count(3, 65536)}
)
NONE = model.Objects("images", {}, None, {}, is_whole=False, malformed=3)
SOME = (
    model.Image("i1", "cirros", "p1", "public"),
    model.Image("i2", 'ada\'s "best"\n', "p1", "private"),
    model.Image("i3", "", "", "shared"),
)


def shown(answer: model.Images) -> str:
    return rendered(Images("uni").samples(answer), Images.families)


def test_images_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(model.Images(COUNTED, SOME))
    assert_golden("management_images.prom", page)
    assert promtool_findings(page) == ""


def test_no_images_show_that_none_is_hidden_by_a_bound() -> None:
    lines = [line for line in shown(model.Images(NONE, ())).splitlines() if not line.startswith("#")]
    assert lines == [
        'stratoscope_management_objects_whole{cloud="uni",sort="images"} 0',
        'stratoscope_management_images_beyond_bound{cloud="uni"} 0',
    ]


def test_of_too_many_images_public_ones_are_shown_first_and_the_others_counted() -> None:
    private = [model.Image(f"i{number}", "snapshot", "p1", "private") for number in range(MOST + 5)]
    public = [model.Image("old", "cirros", "p0", "public"), model.Image("older", "cirros", "p0", "public")]
    page = shown(model.Images(COUNTED, (*private, *public)))
    assert page.count("management_image_info{") == MOST
    for image in ("old", "older", "i0", f"i{MOST - 3}"):
        assert f'image_info{{cloud="uni",image_id="{image}",' in page
    assert f'image_id="i{MOST - 2}"' not in page
    assert 'stratoscope_management_images_beyond_bound{cloud="uni"} 7\n' in page


def test_items_that_made_no_sense_are_those_of_the_list() -> None:
    assert model.Images(NONE, SOME).malformed == 3
