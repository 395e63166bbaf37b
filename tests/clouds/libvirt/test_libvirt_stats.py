"""From libvirt's flat statistics to domains, on what QEMU guests really answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.libvirt.model import Domain
from stratoscope.clouds.libvirt.stats import GROUPS, bits, domain, has_monitor_values

FIXTURES = Path(__file__).parents[2] / "fixtures" / "libvirt"
RECORDED = {one["name"]: one for one in json.loads((FIXTURES / "domains.json").read_text())}
STUCK = json.loads((FIXTURES / "stuck.json").read_text())
BOTH = frozenset({"balloon", "block"})


def decoded(name: str) -> Domain:
    one = RECORDED[name]
    return domain(one["uuid"], one["name"], one["domain_id"], {**one["listed"], **one["answer"]})


def small(**stats: Any) -> Domain:
    keys = {key.replace("__", "."): value for key, value in stats.items()}
    return domain("u", "n", 1, {"state.state": 1, **keys})


def test_a_running_guest_is_decoded_to_base_units() -> None:
    one = decoded("instance-00000002")
    assert (one.state, one.reason, one.is_active) == ("running", "booted", True)
    assert (one.cpu_s, one.user_s, one.system_s) == (34.703552, 32.305341, 2.398211)
    assert one.current_vcpus == 2
    assert [(vcpu.number, vcpu.time_s, vcpu.delay_s) for vcpu in one.vcpus] == [
        (0, 16.09, 27.37647116),
        (1, 14.83, 27.259108024),
    ]
    assert one.balloon.current == 98304 * 1024
    assert one.balloon.rss == 189552 * 1024
    assert (one.balloon.major_faults, one.balloon.minor_faults) == (0, 68321)
    (interface,) = one.interfaces
    assert (interface.name, interface.rx_bytes, interface.tx_packets) == ("vnet30", 90296, 552)
    first, second = one.disks
    assert (first.name, first.read_requests, first.read_s) == ("vda", 1094, 0.580931088)
    assert (second.name, second.capacity, second.flush_s) == ("vdb", 8388608, 1.184320422)


def test_the_cpu_time_of_a_guest_that_is_off_is_dropped() -> None:
    assert RECORDED["instance-00000009"]["answer"]["cpu.time"] > 0, "libvirtd's own"
    one = decoded("instance-00000009")
    assert (one.state, one.is_active) == ("shutoff", False)
    assert (one.cpu_s, one.user_s, one.system_s) == (None, None, None)
    assert one.vcpus == ()
    assert one.balloon.maximum == 2048 * 1024
    assert one.disks[0].capacity == 1048576


def test_a_paused_guest_says_why() -> None:
    one = decoded("instance-00000006")
    assert (one.state, one.reason) == ("paused", "user")


def test_a_wait_of_0_is_left_out_and_another_is_shown() -> None:
    one = small(
        vcpu__maximum=2, vcpu__0__time=1, vcpu__0__wait=0, vcpu__1__time=1, vcpu__1__wait=2_000_000_000
    )
    assert [vcpu.wait_s for vcpu in one.vcpus] == [None, 2.0]


def test_a_vcpu_that_is_offline_is_left_out() -> None:
    one = small(vcpu__current=2, vcpu__maximum=3, vcpu__0__time=1, vcpu__0__state=1, vcpu__2__time=3)
    assert [vcpu.number for vcpu in one.vcpus] == [0, 2]


def test_what_libvirt_does_not_say_is_none() -> None:
    one = small(net__count=1, block__count=1)
    assert one.reason == "unknown"
    assert one.cpu_s is None
    assert one.balloon.current is None
    assert (one.interfaces[0].name, one.interfaces[0].rx_bytes) == ("0", None)
    assert (one.disks[0].name, one.disks[0].read_s) == ("0", None)


@pytest.mark.parametrize(("told", "shown"), [(0, None), (1_700_000_000, 1_700_000_000)])
def test_guest_that_never_told_its_view_did_not_do_so_in_1970(told: int, shown: int | None) -> None:
    one = domain("u", "n", 1, {"state.state": 1, "balloon.last-update": told})
    assert one.balloon.updated_at == shown


def test_a_state_that_nobody_knows_is_shown_by_number() -> None:
    one = domain("u", "n", 1, {"state.state": 12, "state.reason": 3})
    assert (one.state, one.reason) == ("unknown_12", "unknown_3")


@pytest.mark.parametrize(
    "stats",
    [
        {},
        {"state.state": "running"},
        {"state.state": None},
        {"state.state": 1, "state.reason": "booted"},
        {"state.state": 1, "cpu.time": "1"},
        {"state.state": 1, "balloon.current": "1"},
        {"state.state": 1, "vcpu.maximum": "1"},
        {"state.state": 1, "vcpu.maximum": 1, "vcpu.0.time": "1"},
        {"state.state": 1, "net.count": "1"},
        {"state.state": 1, "block.count": 1, "block.0.rd.times": "1"},
    ],
)
def test_statistics_that_make_no_sense_are_refused(stats: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        domain("u", "n", 1, stats)


def test_groups_are_or_ed() -> None:
    assert bits(("state", "block")) == GROUPS["state"] | GROUPS["block"]
    assert bits(()) == 0


def test_a_real_answer_has_the_monitors_values_and_a_skipped_guest_has_not() -> None:
    for name in ("instance-00000002", "one-7", "instance-00000006"):
        for groups in (BOTH, frozenset({"block"}), frozenset({"balloon"})):
            assert has_monitor_values(RECORDED[name]["answer"], groups), (name, groups)
    assert not has_monitor_values(STUCK, BOTH)
    assert not has_monitor_values(STUCK, {"block"})
    assert not has_monitor_values(STUCK, {"balloon"})


def test_a_guest_without_disks_or_with_one_that_has_no_counters_is_not_missed() -> None:
    assert has_monitor_values({"block.count": 0}, {"block"})
    assert has_monitor_values({}, {"cpu", "vcpu"})
    assert has_monitor_values({"block.count": 2, "block.1.rd.reqs": 0}, {"block"}), "the first is vhost-user"
