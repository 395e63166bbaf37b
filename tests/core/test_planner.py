"""What an exporter offers, under its section of the configuration."""

from collections.abc import Iterable
from typing import Any

import pytest

from stratoscope.core.collector import Absent, Collector, Every, Offer, OnScrape
from stratoscope.core.config import Section, decode
from stratoscope.core.errors import ConfigError, LeftOut
from stratoscope.core.metrics import Sample
from stratoscope.core.planner import Planner

ALLOWED = "allowed: enabled, max_series, timeout"
EVERY = Every(60, 30, 180)
OFFERS = (
    Offer("domains", OnScrape(10)),
    Offer("pools", EVERY),
    Offer("jobs", EVERY, is_on=False, needs="domains"),
    Offer("disks"),
)


class Nothing(Collector[None]):
    families = ()

    def __init__(self, offer: Offer, name: str = "") -> None:
        self.offer, self.name, self.cloud = offer, name or offer.name, "uni"

    async def fetch(self) -> None: ...

    def samples(self, _: None, /) -> Iterable[Sample]:
        return ()


def planner(**collectors: Any) -> Planner:
    own = decode(Section, {"max_series": 50, "collectors": collectors}, "own")
    return Planner("own", own, OFFERS)


def test_what_is_on_is_run_as_offered_and_what_is_off_is_left_out() -> None:
    made = [Nothing(OFFERS[0], "domains_lxc"), Nothing(OFFERS[1]), Nothing(OFFERS[2])]
    besides = Absent("disks", LeftOut.ABSENT, "uni")
    collections = planner().collections(made, [besides])
    assert [(one.collector.name, one.schedule, one.max_series) for one in collections.running] == [
        ("domains_lxc", OnScrape(10), 50),
        ("pools", EVERY, 50),
    ]
    assert collections.left_out == [besides, Absent("jobs", LeftOut.NOT_CONFIGURED, "uni")]


def test_configuration_has_the_last_word() -> None:
    chosen = planner(
        pools={"interval": "2m", "max_series": 7}, jobs={"enabled": True}, domains={"timeout": "3s"}
    )
    running = chosen.collections(map(Nothing, OFFERS[:3]), ()).running
    assert [(one.collector.name, one.schedule, one.max_series) for one in running] == [
        ("domains", OnScrape(3), 50),
        ("pools", Every(120, 30, 270), 7),
        ("jobs", EVERY, 50),
    ]


def test_what_needs_another_goes_with_it() -> None:
    assert not planner(jobs={"enabled": True}, domains={"enabled": False}).is_on("jobs")
    assert planner(jobs={"enabled": True}).is_on("jobs")
    assert not planner(disks={"enabled": False}).is_on("disks")


@pytest.mark.parametrize(
    ("collectors", "message"),
    [
        ({"disk": {}}, "own.collectors.disk: unknown key; allowed: disks, domains, jobs, pools"),
        (
            {"disks": {"timeout": "3s"}},
            "own.collectors.disks.timeout: it is part of a collector; allowed: enabled",
        ),
        (
            {"domains": {"interval": "3s"}},
            f"own.collectors.domains.interval: it is collected when scraped; {ALLOWED}",
        ),
        (
            {"pools": {"max_age": "1m"}},
            "own.collectors.pools.max_age: expected 2 x interval + timeout at least, which is 2m30s",
        ),
    ],
)
def test_mistake_is_one_line_with_its_key(collectors: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        planner(**collectors)
    assert str(refused.value) == message
