"""Where a downtime stands, and what it explains."""

import re

import pytest
from msgspec.structs import replace

from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.model import LONGEST_REARMED_S, Downtime, Limit, State, new_id

DOWNTIME = Downtime(
    id="a",
    title="t",
    start=100,
    end=200,
    matcher_sets=(
        (Matcher("host", "n1"), Matcher("service", "nova.*", is_regex=True)),
        (Matcher("host", "n2"),),
    ),
    silences=True,
    author="alice",
    created_at=50,
    changed_at=50,
)


@pytest.mark.parametrize(
    ("now", "state"),
    [(99.9, State.UPCOMING), (100, State.ACTIVE), (199.9, State.ACTIVE), (200, State.ENDED)],
)
def test_it_lasts_from_its_start_up_to_its_end(now: float, state: State) -> None:
    assert DOWNTIME.state(now) is state
    assert replace(DOWNTIME, cancelled_at=60).state(now) is State.CANCELLED


def test_it_explains_alerts_that_match_one_of_its_sets() -> None:
    assert DOWNTIME.explains({"host": "n1", "service": "nova-api"})
    assert DOWNTIME.explains({"host": "n2"})
    assert not DOWNTIME.explains({"host": "n1", "service": "glance"})


def test_ids_are_short_and_each_is_new() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[2-9a-z]{10}", one) for one in ids)


@pytest.mark.parametrize(("end", "at"), [(200, 100 + LONGEST_REARMED_S), (5_000_000, 5_000_000)])
def test_until_further_notice_ends_at_its_cap_or_at_the_later_end_that_it_has(end: int, at: int) -> None:
    one = replace(DOWNTIME, end=end, until_further_notice=True)
    assert one.limit(60) == Limit(at, is_cap=True)
    assert replace(DOWNTIME, end=end).limit(60) == Limit(end, is_cap=False)
    assert replace(DOWNTIME, source="cloud:uni", end=end).limit(60) == Limit(end, is_cap=True)
