"""Storage backends on the page."""

import math

from stratoscope.clouds.model import Backend
from stratoscope.clouds.model import Backends as Answer
from stratoscope.management.subjects.backends import Backends
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

BACKENDS = (
    Backend("node@ceph#ssd", 100e12, 40e12, 150e12, 140e12, 20.0, "fast", "Open Source"),
    Backend("node@fake#fake", math.inf, math.inf, 0.0, 0.0, None),
    Backend("node@gone#pool", None, None, None, None, None),
    Backend("default", 80e12, 30e12, None, None, None, backend_id="1", kind="IMAGE", used=50e12, images=12),
)


def shown(answer: Answer) -> str:
    subject = Backends("uni")
    return rendered(subject.samples(answer), subject.families)


def test_backends_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(Answer(BACKENDS))
    assert_golden("management_backends.prom", page)
    assert promtool_findings(page) == ""


def test_infinite_is_infinite_and_unknown_is_absent() -> None:
    page = shown(Answer(BACKENDS))
    assert 'backend_free_bytes{cloud="uni",backend="node@fake#fake"} +Inf\n' in page
    (of_gone,) = [line for line in page.splitlines() if "node@gone" in line]
    assert of_gone.startswith("stratoscope_management_backend_info{")
