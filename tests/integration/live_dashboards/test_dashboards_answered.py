"""Every query of every dashboard is asked: of the demo, and of pages with every metric that is declared."""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from stratoscope.show.prometheus import SCRAPED_EVERY_S
from stratoscope.show.running import Running
from support.asked_boards import Key, Told, told
from support.debian import ROOT
from support.grafana_boards import Board, files, load
from support.prometheus_process import RealPrometheus

pytestmark = pytest.mark.integration

PAGE: Final = ROOT / "docs" / "dashboards-when-broken.md"
WITHIN_S: Final = 240
"""Until all has an answer; a busy machine takes longer."""
AGAIN_S: Final = 1
Urls = Mapping[str, tuple[str, float]]
"""Of each Prometheus, and how often it scrapes, in seconds."""


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """What `stratoscope demo` shows. Yields the URL of its Prometheus."""
    running = Running(folder, ROOT / "build", threading.Event())
    try:
        running.start()
        assert running.prometheus
        yield running.prometheus
    finally:
        running.end()


@pytest.fixture(scope="module")
def sets(begun: RealPrometheus, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    """The answers to all, once those are there that have to be."""
    boards = [load(file) for file in files()]
    with demo(tmp_path_factory.mktemp("demo")) as of_demo:
        urls = {"demo": (of_demo, SCRAPED_EVERY_S), "pages": (begun.url, 1)}
        until, found = time.monotonic() + WITHIN_S, asked(urls, boards)
        while unseen(found) and time.monotonic() < until:
            some = found  # dashboards that lack an answer are asked again, then all
            while (lacking := {key.board for key in unseen(some)}) and time.monotonic() < until:
                time.sleep(AGAIN_S)
                some = asked(urls, [one for one in boards if one.uid.removeprefix("stratoscope-") in lacking])
            found = asked(urls, boards)
        return found


def asked(urls: Urls, boards: Sequence[Board]) -> Mapping[str, Told]:
    """What each says to these dashboards."""
    with ThreadPoolExecutor() as pool:
        saying = {name: pool.submit(told, url, every_s, boards) for name, (url, every_s) in urls.items()}
        return {name: one.result() for name, one in saying.items()}


def unseen(sets: Mapping[str, Told]) -> set[Key]:
    """What is nowhere answered, and may not be empty."""
    seen = set().union(*(one.seen() for one in sets.values()))
    return {key for key, said in sets["demo"].said.items() if not said.may_be_empty and key not in seen}


def test_every_query_is_answered_or_its_panel_says_none(sets: Mapping[str, Told]) -> None:
    assert unseen(sets) == set()


def test_legends_show_labels_that_series_have(sets: Mapping[str, Told]) -> None:
    shown = [{key: said.lost for key, said in one.said.items() if said.series} for one in sets.values()]
    lost = {
        key: frozenset.intersection(*(one[key] for one in shown if key in one)) for key in set().union(*shown)
    }
    assert {key: sorted(labels) for key, labels in lost.items() if labels} == {}


def test_no_panel_shows_more_series_than_the_page_says(sets: Mapping[str, Told]) -> None:
    (said,) = re.findall(r"No panel has more than (\d+) series", PAGE.read_text())
    most = {
        panel: max(one.panels().get(panel, 0) for one in sets.values()) for panel in sets["demo"].panels()
    }
    for panel, count in sorted(most.items(), key=lambda one: -one[1])[:20]:
        print(f"{count:4} {': '.join(panel)}")  # noqa: T201 - pytest shows it with -s
    assert {panel: count for panel, count in most.items() if count > int(said)} == {}
