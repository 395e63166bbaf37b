"""The verdict on a VM: every rule, and what must fail nothing."""

from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.clouds.libvirt.model import Domain, Monitor
from stratoscope.hypervisor.subjects.checks import Evidence, verdict
from stratoscope.hypervisor.vm import TapView
from support.vms import domain, interface, tap

FINE: set[str] = set()
UP = (tap(),)
GONE = (
    TapView(
        name="vnet0", is_up=False, mtu=None, promiscuous_changed=None, queue_drops=None, queue_backlog=None
    ),
)


def active(state: str = "running", reason: str = "booted") -> Domain:
    return domain(state=state, reason=reason)


def off(reason: str) -> Domain:
    return domain(state="shutoff", reason=reason, domain_id=-1, interfaces=(), disks=())


def seen(state: str = "S", *, blocked_s: float = 0.0, **other: Any) -> Evidence:
    """What the host tells of a VM, by default nothing bad; `blocked_s` is its monitor's."""
    return replace(Evidence(state, monitor=Monitor(blocked_s, None), taps=UP), **other)


def failed(of: Domain, evidence: Evidence) -> set[str]:
    checks = verdict(of, evidence)
    return {name for name in ("host", "vm", "storage", "network") if getattr(checks, name)}


@pytest.mark.parametrize(
    ("of", "evidence", "expected"),
    [
        # host: the process does nothing, or QEMU does not answer
        (active(), seen("T"), {"host"}),
        (active(), seen("t", stuck_s=5.0), {"host"}),
        (active(), seen("D", stuck_s=5.0), {"host"}),  # every thread of it is frozen
        (active(), seen(blocked_s=31.0), {"host"}),
        (active("paused", "user"), seen(blocked_s=31.0), {"host"}),
        (active("paused", "ioerror"), seen("T", stuck_s=60.0), {"host", "storage"}),
        # vm: it crashed, or was paused or ended by an error
        (active("crashed", "panicked"), seen(), {"vm"}),
        (active("paused", "crashed"), seen(), {"vm"}),
        (active("paused", "watchdog"), seen(), {"vm"}),
        (active("paused", "postcopy_failed"), seen(), {"vm"}),
        (active("paused", "api_error"), seen(), {"vm"}),
        (active("running", "postcopy_failed"), seen(), {"vm"}),
        (off("crashed"), Evidence(), {"vm"}),
        (off("failed"), Evidence(), {"vm"}),
        (off("daemon"), Evidence(), {"vm"}),
        (active(), seen("Z", dead_s=5.0), {"vm"}),
        (active(), seen(dead_s=60.0), {"vm"}),
        # storage: a thread waits for ever, be it the one that serves the monitor
        (active(), seen(storage_s=10.0), {"storage"}),
        (active(), seen("D", storage_s=75.0), {"storage"}),
        (active(), seen("D", storage_s=75.0, blocked_s=75.0), {"storage"}),
        (active(), seen(storage_s=9.9, blocked_s=31.0), {"host"}),
        (active(), seen("T", storage_s=75.0), {"host", "storage"}),
        (active("paused", "user"), seen(storage_s=10.0), {"storage"}),
        # storage: paused by an I/O error, or one was told of a short while ago
        (active("paused", "ioerror"), seen(), {"storage"}),
        (active(), seen(io_error_age_s=0.0), {"storage"}),
        (active(), seen(io_error_age_s=299.0), {"storage"}),
        # network: a tap that is down or gone
        (active(), seen(taps=(tap(is_up=False),)), {"network"}),
        (active(), seen(taps=GONE), {"network"}),
        (active(), seen(taps=(tap(is_attached=False),)), {"network"}),
        (active("blocked", "unknown"), seen(taps=GONE), {"network"}),
        (
            domain(interfaces=(interface(), interface("vnet1"))),
            seen(taps=(tap(), tap("vnet1", is_up=False))),
            {"network"},
        ),
    ],
)
def test_check_fails_where_its_rule_says_so(of: Domain, evidence: Evidence, expected: set[str]) -> None:
    assert failed(of, evidence) == expected


@pytest.mark.parametrize(
    ("of", "evidence"),
    [
        (active(), seen()),
        (active(), seen(taps=(tap(is_attached=None),))),
        (active(), seen(taps=(tap(promiscuous_changed=True),))),
        (active("paused", "user"), seen(taps=(tap(is_attached=False),))),
        (active(), seen("R")),
        (active(), Evidence(taps=UP)),
        (off("shutdown"), Evidence()),
        (off("destroyed"), Evidence()),
        (off("saved"), Evidence()),
        (off("migrated"), Evidence()),
        (off("unknown"), seen("T", stuck_s=60.0, blocked_s=60.0, io_error_age_s=1.0, taps=GONE)),
        (active("paused", "user"), seen()),
        (active("paused", "user"), seen(taps=(tap(is_up=False),))),
        (active("pmsuspended", "unknown"), seen(taps=(tap(is_up=False),))),
        (active("running", "crashed"), seen()),
        (active("running", "migration_canceled"), seen()),
        (active("paused", "migration"), seen(blocked_s=300.0, taps=(tap(is_up=False),))),
        (active("paused", "starting_up"), seen(blocked_s=40.0)),
        (active("paused", "save"), seen(blocked_s=40.0)),
        (active("shutdown", "user"), seen(taps=GONE)),
        (active(), seen("D")),
        (active(), seen("t", stuck_s=4.9)),
        (active(), seen("Z", dead_s=4.9)),
        (active(), seen("D", storage_s=9.9)),
        (active("running", "postcopy"), seen(storage_s=60.0)),
        (off("shutdown"), seen(dead_s=60.0, storage_s=60.0)),
        (active(), seen(blocked_s=10.0)),
        (active(), seen(blocked_s=30.0)),
        (active(), seen(io_error_age_s=300.0)),
        (domain(interfaces=()), seen(taps=())),
    ],
)
def test_nothing_fails_where_no_rule_says_so(of: Domain, evidence: Evidence) -> None:
    assert failed(of, evidence) == FINE


@pytest.mark.parametrize(
    ("of", "taps", "expected"),
    [
        (active(), (), None),
        (domain(interfaces=(interface(), interface("vhu1"))), UP, None),
        (domain(interfaces=(interface(), interface("vhu1"))), GONE, True),
        (active(), UP, False),
        (active("paused", "user"), (), False),
    ],
)
def test_network_is_judged_only_where_every_interface_is_known(
    of: Domain, taps: tuple[TapView, ...], expected: bool | None
) -> None:
    assert verdict(of, Evidence(taps=taps)).network is expected
