"""Why a VM waits for CPU: three real guests for each cause, and the verdict on each is right."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from integration.alerting import HOST, Alert, Watch, watching
from integration.bare_guest import BURNS, IDLES, Bare, bare_guest
from integration.conftest import RunningExporter
from integration.own_guest import OwnGuest

pytestmark = [pytest.mark.integration, pytest.mark.full, pytest.mark.timeout(900)]

ELSEWHERE, *_, CPU = map(str, sorted(os.sched_getaffinity(0)))
"""Where guests meet, and a CPU for all else: the exporter, Prometheus, and guests that are quiet."""
VERDICT = "vm:stratoscope_contention:verdict"
PRESSURE = 'rate(stratoscope_hypervisor_vm_pressure_some_seconds_total{resource="cpu"}[10s]) > 0.1'
"""The kernel's own view (PSI), where it has one."""
FOUND_WITHIN_S = 60
JUDGED_S = 24
"""Six evaluations of the verdict."""
HALF_AN_HOUR_S = 30
"""Of the rules, by the factor."""


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    """Whatever a test starts, but guests, is elsewhere."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, everywhere - {int(CPU)})
    yield
    os.sched_setaffinity(0, everywhere)


@pytest.fixture
def watch(exporter: RunningExporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    with watching(exporter, tmp_path_factory.mktemp("contention")) as watch:
        yield watch


@pytest.fixture
def quiet() -> Iterator[Sequence[OwnGuest]]:
    """Two guests that need no CPU, one of them with eight virtual CPUs and a quota."""
    with (
        bare_guest(Bare(91, IDLES, cpus=ELSEWHERE)) as one,
        bare_guest(Bare(92, IDLES, cpus=ELSEWHERE, vcpus=8, quota_us=50_000)) as two,
    ):
        yield one, two


def verdicts(watch: Watch, guests: Sequence[OwnGuest]) -> dict[str, str]:
    """The cause by the name of the guest; both where two stand."""
    found: dict[str, str] = {}
    names = {guest.vm_id: guest.name for guest in guests}
    for labels in map(dict, watch.prometheus.ask(VERDICT)):
        if labels["vm_id"] in names:
            name = names[labels["vm_id"]]
            found[name] = " and ".join(sorted({labels["cause"], *found.get(name, "").split(" and ")} - {""}))
    return found


def check_verdict(watch: Watch, expected: dict[str, str], guests: Sequence[OwnGuest]) -> None:
    """It comes to this, and remains so."""
    until = time.monotonic() + FOUND_WITHIN_S
    while (found := verdicts(watch, guests)) != expected:
        assert time.monotonic() < until, found
        time.sleep(0.5)
    until = time.monotonic() + JUDGED_S
    while time.monotonic() < until:
        assert verdicts(watch, guests) == expected
        time.sleep(0.5)


def test_guests_with_a_quota_are_at_their_own_limit(watch: Watch, quiet: Sequence[OwnGuest]) -> None:
    with ExitStack() as stack:
        three = [
            stack.enter_context(bare_guest(Bare(number, BURNS, cpus=CPU, quota_us=10_000)))
            for number in (82, 83, 84)
        ]
        check_verdict(watch, {guest.name: "own_limit" for guest in three}, [*three, *quiet])
        assert [watch.about(guest) for guest in three] == [set()] * 3


def test_guests_beside_one_with_a_hundred_times_their_weight_have_a_noisy_neighbour(
    watch: Watch, quiet: Sequence[OwnGuest]
) -> None:
    with ExitStack() as stack:
        three = [stack.enter_context(bare_guest(Bare(number, BURNS, cpus=CPU))) for number in (85, 86, 87)]
        watch.wait_until_known(*three)
        contended = [
            Alert(
                "StratoscopeVMContended",
                {"vm_id": guest.vm_id, "cause": "noisy_neighbour"},
                HALF_AN_HOUR_S,
            )
            for guest in three
        ]
        with watch.fault("a VM burns on a CPU with 100 times the weight of three others", *contended):
            noisy = stack.enter_context(bare_guest(Bare(81, BURNS, cpus=CPU, shares=102_400)))
        check_verdict(watch, {guest.name: "noisy_neighbour" for guest in three}, [*three, *quiet])
        assert verdicts(watch, [noisy]) in ({}, {noisy.name: "host_overcommitted"})


def test_guests_that_share_a_cpu_in_equal_parts_are_on_an_overcommitted_host(
    watch: Watch, quiet: Sequence[OwnGuest]
) -> None:
    host = Alert("StratoscopeHostContended", HOST, HALF_AN_HOUR_S)
    with ExitStack() as stack:
        with watch.fault("three VMs of equal weight burn on one CPU", host):
            three = [
                stack.enter_context(bare_guest(Bare(number, BURNS, cpus=CPU))) for number in (88, 89, 90)
            ]
        check_verdict(watch, {guest.name: "host_overcommitted" for guest in three}, [*three, *quiet])
        if Path("/proc/pressure/cpu").exists():
            waiting = {dict(labels)["vm_id"] for labels in watch.prometheus.ask(PRESSURE)}
            assert {guest.vm_id for guest in three} <= waiting
