"""Events in libvirt's words, counted per domain and for the host, bounded."""

from typing import Any

import libvirt
import pytest

from stratoscope.clouds.libvirt import events
from stratoscope.clouds.libvirt.events import HEARD, Event, Events


@pytest.mark.parametrize(
    ("name", "passed", "event"),
    [
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_STOPPED, 2), ("stopped", "crashed")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 2), ("suspended", "ioerror")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_STARTED, 1), ("started", "migrated")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, 1), ("shutdown", "guest")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_CRASHED, 0), ("crashed", "panicked")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED, 1), ("pmsuspended", "disk")),
        ("lifecycle", (libvirt.VIR_DOMAIN_EVENT_DEFINED, 77), ("defined", "unknown_77")),
        ("lifecycle", (99, 1), ("unknown_99", "unknown_1")),
        ("reboot", (), ("reboot", "")),
        ("watchdog", (libvirt.VIR_DOMAIN_EVENT_WATCHDOG_PAUSE,), ("watchdog", "pause")),
        ("watchdog", (42,), ("watchdog", "unknown_42")),
        ("io_error", ("/dev/vg/a", "virtio-disk0", 1), ("io_error", "pause")),
        ("io_error", ("/dev/vg/a", "virtio-disk0", 2), ("io_error", "report")),
        ("io_error_reason", ("/a", "virtio-disk0", 1, "enospc"), ("io_error_reason", "enospc")),
        ("io_error_reason", ("/a", "virtio-disk0", 1, ""), ("io_error_reason", "unknown")),
        ("io_error_reason", ("/a", "virtio-disk0", 1, "a text of QEMU"), ("io_error_reason", "other")),
        ("control_error", (), ("control_error", "")),
        ("block_job", ("vda", libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY, 3), ("block_job", "copy_ready")),
        ("block_job", ("vda", 5, 1), ("block_job", "backup_failed")),
        ("block_job", ("vda", 9, 9), ("block_job", "unknown_9_unknown_9")),
        ("job_completed", ({"operation": 5, "time_elapsed": 3},), ("job_completed", "migration_out")),
        ("job_completed", ({},), ("job_completed", "unknown")),
        (
            "memory_failure",
            (1, libvirt.VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_FATAL, 0),
            ("memory_failure", "fatal"),
        ),
        ("device_added", ("net1",), ("device_added", "")),
        ("device_removed", ("net1",), ("device_removed", "")),
        ("metadata_change", (2, "http://openstack.org/xmlns/libvirt/nova/1.1"), ("metadata_change", "")),
        ("tunable", ({"blkdeviotune.disk": "vda"},), ("tunable", "")),
    ],
)
def test_each_event_has_libvirts_words(name: str, passed: tuple[Any, ...], event: Event) -> None:
    assert HEARD[name](*passed) == event


def test_every_event_that_is_heard_is_one_of_libvirts() -> None:
    assert {f"VIR_DOMAIN_EVENT_ID_{name.upper()}" for name in HEARD} <= vars(libvirt).keys()


def test_lifecycle_words_are_libvirts_in_its_order() -> None:
    for number, name in enumerate(events._LIFECYCLE):
        assert getattr(libvirt, f"VIR_DOMAIN_EVENT_{name.upper()}") == number


def test_block_job_words_are_libvirts_in_its_order() -> None:
    for number, name in enumerate(events.BLOCK_JOBS):
        assert getattr(libvirt, f"VIR_DOMAIN_BLOCK_JOB_TYPE_{name.upper()}") == number
    for number, name in enumerate(events._BLOCK_JOB_ENDS):
        assert getattr(libvirt, f"VIR_DOMAIN_BLOCK_JOB_{name.upper()}") == number


class Heard:
    """Counts, and which definitions were to be read anew."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.now_s = 100.0
        self.events = Events(self.changed.append, lambda: self.now_s)


def test_known_events_count_from_0_and_domains_from_their_first() -> None:
    counts = Heard().events
    for event in (("stopped", "crashed"), ("io_error", "pause"), ("reboot", ""), ("watchdog", "reset")):
        assert counts.by_event[event] == 0
        assert event in counts.by_event
    assert counts.by_domain == {}
    counts.count("a", 1, "stopped", "crashed")
    counts.count("a", 1, "stopped", "crashed")
    assert counts.by_event["stopped", "crashed"] == 2
    assert counts.by_domain == {"a": {("stopped", "crashed"): 2}}


@pytest.mark.parametrize(
    "event",
    [
        "balloon_change", "block_job", "defined", "device_added", "device_removed", "metadata_change",
        "resumed", "started", "tunable",
    ],
)  # fmt: skip
def test_an_event_that_changes_the_definition_says_so(event: str) -> None:
    heard = Heard()
    heard.events.count("a", 1, event, "")
    assert heard.changed == ["a"]


def test_other_events_change_no_definition() -> None:
    heard = Heard()
    heard.events.count("a", 1, "stopped", "shutdown")
    heard.events.count("a", 1, "reboot", "")
    assert heard.changed == []


def test_the_last_io_error_gets_older() -> None:
    heard = Heard()
    assert heard.events.io_error_age_s("a", 1) is None
    heard.events.count("a", 1, "io_error", "report")
    heard.now_s += 30
    assert heard.events.io_error_age_s("a", 1) == 30


def test_io_error_of_an_earlier_process_of_the_domain_is_not_of_this_one() -> None:
    heard = Heard()
    heard.events.count("a", 1, "io_error", "report")
    assert heard.events.io_error_age_s("a", 1) == 0
    assert heard.events.io_error_age_s("a", 2) is None
    heard.events.count("a", 2, "io_error", "report")
    assert heard.events.io_error_age_s("a", 2) == 0


def test_domains_that_are_gone_are_forgotten_and_the_host_counts_on() -> None:
    heard = Heard()
    heard.events.count("a", 1, "io_error", "report")
    heard.events.count("b", 1, "reboot", "")
    heard.events.keep({"b": 1}, heard.now_s + 1)
    assert heard.events.by_domain.keys() == {"b"}
    assert heard.events.io_error_age_s("a", 1) is None
    assert heard.events.by_event["io_error", "report"] == 1


def test_events_of_a_domain_that_starts_while_the_list_is_read_are_kept() -> None:
    heard = Heard()
    listed_at = heard.now_s
    heard.now_s += 0.1
    heard.events.count("new", 1, "started", "booted")
    heard.events.count("new", 1, "io_error", "report")
    heard.events.keep({}, listed_at)
    assert heard.events.by_domain["new"]["started", "booted"] == 1
    assert heard.events.io_error_age_s("new", 1) == 0
    heard.events.keep({"new": 1}, heard.now_s + 1)
    assert heard.events.by_domain["new"]["started", "booted"] == 1
    heard.events.keep({}, heard.now_s + 1)
    assert heard.events.by_domain == {}


@pytest.mark.parametrize(
    ("heard_of", "was_ended"),
    [
        ([], False),
        ([("started", "booted")], False),
        ([("stopped", "shutdown")], True),
        ([("stopped", "destroyed")], True),
        ([("stopped", "migrated")], True),
        ([("stopped", "saved")], True),
        ([("stopped", "crashed")], False),
        ([("stopped", "failed")], False),
        ([("stopped", "shutdown"), ("started", "booted")], False),
    ],
)
def test_end_that_somebody_wanted_is_told_from_a_crash(
    heard_of: list[tuple[str, str]], was_ended: bool
) -> None:
    counts = Heard().events
    for event, detail in heard_of:
        counts.count("a", 1, event, detail)
    assert counts.was_ended("a") is was_ended


@pytest.mark.parametrize(
    ("domain_id", "listed_after_s", "was_ended"),
    [(2, 0.1, False), (-1, 0.1, True), (2, -0.1, True), (2, 0, True)],
)
def test_end_of_a_domain_that_a_later_list_has_running_is_over_though_its_start_was_not_heard(
    domain_id: int, listed_after_s: float, was_ended: bool
) -> None:
    heard = Heard()
    heard.events.count("a", -1, "stopped", "shutdown")
    heard.events.keep({"a": domain_id}, heard.now_s + listed_after_s)
    assert heard.events.was_ended("a") is was_ended


def test_the_number_of_domains_is_bounded_and_the_host_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_DOMAINS", 2)
    counts = Heard().events
    for uuid in ("a", "b", "c", "a"):
        counts.count(uuid, 1, "io_error", "report")
    assert {uuid: sum(of.values()) for uuid, of in counts.by_domain.items()} == {"a": 2, "b": 1}
    assert counts.io_error_age_s("c", 1) is None
    assert counts.by_event["io_error", "report"] == 4
