"""API endpoints on the page."""

from stratoscope.clouds import model
from stratoscope.management.subjects.endpoints import Endpoints
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

COUNTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9)


def shown(*endpoints: model.Endpoint) -> str:
    subject = Endpoints("uni")
    return rendered(subject.samples(model.Endpoints(endpoints)), subject.families)


def test_endpoints_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(
        model.Endpoint("compute", True, COUNTS, 12.5),
        model.Endpoint("network", False, (0,) * (len(model.LATENCY_BOUNDS) + 1), 0.0),
    )
    assert_golden("management_endpoints.prom", page)
    assert promtool_findings(page) == ""


def test_endpoint_has_a_bucket_for_each_bound_and_one_for_all() -> None:
    page = shown(model.Endpoint("compute", True, COUNTS, 12.5))
    assert page.count("_bucket{") == len(model.LATENCY_BOUNDS) + 1
    assert 'latency_seconds_bucket{cloud="uni",service="compute",le="+Inf"} 9\n' in page
    assert 'latency_seconds_count{cloud="uni",service="compute"} 9\n' in page


def test_an_endpoint_that_could_not_be_asked_is_neither_up_nor_down() -> None:
    page = shown(model.Endpoint("compute", None, COUNTS, 12.5))
    assert "endpoint_up{" not in page
    assert 'latency_seconds_count{cloud="uni",service="compute"} 9\n' in page


def test_no_endpoints_show_nothing() -> None:
    assert shown() == ""
