"""Episodes."""

import logging

import pytest

from stratoscope.core.episode import Episode
from support.logs import logged
from support.source import Clock


def test_episode_is_a_line_when_it_begins_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    caplog.set_level(logging.INFO)
    episode = Episode("too many", clock)
    for _ in range(2):
        episode.check()
        for _ in range(3):
            episode.happened()
            clock.time_s += 59
            episode.check()
        clock.time_s += 2
        episode.check()
    assert logged(caplog) == ["too many", "over: too many times=3"] * 2
