"""Services that are told twice."""

from stratoscope.clouds.model import Service
from stratoscope.clouds.openstack.agents import once


def row(
    host: str = "node1", *, is_up: bool = True, heartbeat: float | None = 100.0, zone: str = "a"
) -> Service:
    return Service("compute", "nova-compute", host, zone, is_up, True, "", heartbeat)


def test_the_row_that_is_up_counts_whatever_comes_first_and_reported_last() -> None:
    stale, live = row(is_up=False, heartbeat=200.0, zone="old"), row(zone="new")
    merged = row(heartbeat=200.0, zone="new")
    assert once([stale, live]) == once([live, stale]) == (merged,)


def test_of_rows_that_are_all_down_or_all_up_the_newest_counts() -> None:
    for is_up in (False, True):
        old, new = row(is_up=is_up, zone="old"), row(is_up=is_up, heartbeat=300.0, zone="new")
        assert once([old, new]) == once([new, old]) == (new,)


def test_row_that_never_reported_is_the_oldest() -> None:
    never = row(is_up=False, heartbeat=None)
    assert once([never, row(is_up=False)]) == (row(is_up=False),)
    assert once([never, never]) == (never,)


def test_services_of_other_hosts_stay_in_their_order() -> None:
    assert once([row("b"), row("a"), row("b")]) == (row("b"), row("a"))
