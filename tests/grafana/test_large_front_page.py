"""The benchmark of the front page, with half an hour of two small clouds."""

from pathlib import Path

from support.front_page import Size, asked, stored

SMALL = Size(clouds=2, hosts=4, days=1 / 48, firing=3, daily=96, planned=2, zones=1, images=1, probes=1)


def test_front_page_reads_what_the_benchmark_writes(tmp_path: Path) -> None:
    with stored(SMALL, tmp_path) as (url, window):
        found = asked(url, window)
    assert found.shown > 0
    assert 100 < found.read < 500
    assert max(found.took_s.values()) < 1
