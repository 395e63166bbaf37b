"""What is remembered of taps: that they were there, on which bridge, how promiscuous."""

from msgspec.structs import replace

from stratoscope.hypervisor.kernel.tap_history import TapHistory
from stratoscope.hypervisor.kernel.taps import Tap

ON_BRIDGE = Tap(7, True, True, 1500, "br0")
ALONE = replace(ON_BRIDGE, master=None)


def test_bridge_that_a_tap_was_first_seen_on_is_remembered_however_late() -> None:
    history = TapHistory()
    seen = [
        history.learn(["t"], {"t": tap}, {}).masters
        for tap in (ALONE, ON_BRIDGE, ALONE, replace(ON_BRIDGE, master="br1"), None)
    ]
    assert seen == [{}, {"t": "br0"}, {"t": "br0"}, {"t": "br0"}, {"t": "br0"}]


def test_next_tap_of_that_name_begins_anew() -> None:
    history = TapHistory()
    history.learn(["t"], {"t": ON_BRIDGE}, {"t": 1})
    told = history.learn(["t"], {"t": replace(ALONE, ifindex=8)}, {"t": 5})
    assert (told.masters, told.promiscuous) == ({}, {"t": False})


def test_bridge_holds_its_port_in_promiscuous_mode_and_that_says_nothing() -> None:
    history = TapHistory()
    counts = [(ON_BRIDGE, 1), (ALONE, 0), (ON_BRIDGE, 1), (ALONE, 1), (ON_BRIDGE, 2)]
    told = [history.learn(["t"], {"t": tap}, {"t": count}).promiscuous["t"] for tap, count in counts]
    assert told == [False, False, False, True, True]


def test_bridge_whose_hold_is_not_counted_yet_makes_no_count_below_0() -> None:
    history = TapHistory()
    told = [history.learn(["t"], {"t": ON_BRIDGE}, {"t": count}).promiscuous["t"] for count in (0, 1, 2)]
    assert told == [False, False, True]


def test_listener_that_was_there_before_the_exporter_is_found_the_next_time() -> None:
    history = TapHistory()
    told = [history.learn(["t"], {"t": ON_BRIDGE}, {"t": count}).promiscuous["t"] for count in (2, 1, 2)]
    assert told == [False, False, True]


def test_count_that_is_not_told_is_no_zero() -> None:
    history = TapHistory()
    assert history.learn(["t"], {"t": ON_BRIDGE}, {}).promiscuous == {}
    assert history.learn(["t"], {"t": ON_BRIDGE}, {"t": 2}).promiscuous == {"t": False}
    assert history.learn(["t"], {"t": ON_BRIDGE}, {}).promiscuous == {}


def test_reading_that_failed_once_costs_no_memory_of_a_tap() -> None:
    history = TapHistory()
    history.learn(["t"], {"t": ON_BRIDGE}, {"t": 1})
    assert history.learn(["t"], {}, {}).taps == {}
    told = history.learn(["t"], {"t": ALONE}, {"t": 1})
    assert (told.masters, told.promiscuous) == ({"t": "br0"}, {"t": True})
