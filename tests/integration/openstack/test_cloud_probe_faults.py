"""Faults made for real: which phase, reason and blame the probe says, and that nothing of it stays."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest
from cloud.configuration import PASSWORD
from cloud.folder import DATA

from integration.openstack.openstack_cli import Cli
from integration.openstack.outages import hung, killed, knob
from integration.openstack.probes import (
    PROJECT,
    SHORT,
    Prober,
    a_probe,
    configuration,
    failure,
    objects,
    probing,
    wait_until,
)
from support.series import read

pytestmark = [pytest.mark.integration, pytest.mark.full]

SWEPT_S = 150
"""What is left is looked for every minute, and what was not deleted is requested again after 30 s."""
DOWN_TIME_S = 20
"""After so long without a report Nova calls a service down; see scripts/cloud/templates."""
CACHED_S = 5
"""For so long all services believe in a token that one of them has asked about."""
UP_S = 60
SMALL = {"zone": "small"}
"""The zone of compute3 alone."""


@pytest.fixture(scope="module")
def before(cli: Cli) -> Mapping[str, set[str]]:
    return objects(cli)


@pytest.fixture(scope="module")
def prober(before: Mapping[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prober]:
    """One exporter for all faults: each has its own probe, and the first one has run."""
    assert before["server"]
    patient = SHORT | {"scheduled": "100s"}
    probes = (
        a_probe(),
        a_probe("huge", os_cloud="user1", flavor="too-large"),
        a_probe("disk", image="too-large"),
        a_probe("deactivated", image="deactivated"),
        a_probe("small", **SMALL),
        a_probe("patient", timeouts=patient),
    )
    with probing(tmp_path_factory.mktemp("faults"), configuration(*probes)) as one:
        wait_until(one.runs, "the first run ends", 60)
        assert one.runs()[0]["outcome"] == "success", one.runs()[0]
        yield one


@pytest.fixture(autouse=True)
def _clean(cli: Cli, before: Mapping[str, set[str]], prober: Prober) -> Iterator[None]:
    """Once a fault is repaired the cloud is as it was, and the probe succeeds."""
    yield
    wait_until(lambda: objects(cli) == before, "the cloud is as it was", SWEPT_S, every_s=1)
    run = prober.run()
    assert run["outcome"] == "success", run
    assert objects(cli) == before


@pytest.fixture
def _slow() -> Iterator[None]:
    """VMs take 8 s to build, longer than services believe in a token unasked."""
    with ExitStack() as knobs:
        for host in ("compute1", "compute2"):
            knobs.enter_context(knob(f"{host}.json", json.dumps({"spawn_seconds": 8})))
        yield


def test_quota_that_is_spent(prober: Prober, cli: Cli) -> None:
    cli.do("quota", "set", "--instances", "0", PROJECT)
    try:
        assert failure(prober.run()) == ("quota_check", "quota", "project")
    finally:
        cli.do("quota", "set", "--instances", "5", PROJECT)


def test_flavor_that_no_host_has_room_for(prober: Prober) -> None:
    assert failure(prober.run("huge")) == ("scheduled", "no_valid_host", "cloud")


@pytest.mark.parametrize("by", ["size", "min_disk"])
def test_image_that_is_larger_than_the_disk_of_the_flavor(prober: Prober, cli: Cli, by: str) -> None:
    with image(cli, "too-large", by=by):
        run = prober.run("disk")
        assert failure(run) == ("request", "image", "project"), run["failure"]


@contextmanager
def image(cli: Cli, name: str, *, by: str = "") -> Iterator[str]:
    """A public image. Args: by: In which way it is larger than 1 GiB; "" if it is not."""
    file = DATA / "image.raw"
    with file.open("wb") as sparse:
        sparse.truncate((1 << 30) + 1 if by == "size" else 4096)
    options = ("--disk-format", "raw", "--container-format", "bare", "--public")
    more = ("--min-disk", "5") if by == "min_disk" else ()
    try:
        made = cli.ask("image", "create", name, *options, *more, "--file", f"/data/{file.name}")["id"]
        try:
            yield made
        finally:
            cli.do("image", "delete", made)
    finally:
        file.unlink()


def test_image_that_is_deactivated(prober: Prober, cli: Cli) -> None:
    with image(cli, "deactivated") as made:
        cli.do("image", "set", "--deactivate", made)
        assert failure(prober.run("deactivated")) == ("resolve", "image", "project")


def test_conductor_that_does_nothing(prober: Prober) -> None:
    with hung("nova-conductor"):
        assert failure(prober.run()) == ("scheduled", "timeout", "cloud")


def test_scheduler_that_does_nothing(prober: Prober) -> None:
    with hung("nova-scheduler"):
        assert failure(prober.run()) == ("scheduled", "timeout", "cloud")


def test_scheduler_that_does_nothing_for_longer_than_nova_waits(prober: Prober) -> None:
    with hung("nova-scheduler"):
        assert failure(prober.run("patient")) == ("scheduled", "messaging", "cloud")


def test_compute_that_does_nothing_is_a_timeout_until_nova_knows_that_it_is_down(
    prober: Prober, cli: Cli
) -> None:
    with hung("compute3"):
        assert failure(prober.run("small")) == ("built", "timeout", "cloud")
        wait_until(lambda: state(cli) == "down", "compute3 is down", DOWN_TIME_S + 20, every_s=1)
        assert failure(prober.run("small")) == ("scheduled", "no_valid_host", "cloud")
    wait_until(lambda: state(cli) == "up", "compute3 is up", UP_S, every_s=1)
    wait_until(
        lambda: prober.run("small")["outcome"] == "success", "a run on compute3 succeeds", UP_S, every_s=1
    )


def state(cli: Cli, host: str = "compute3") -> str:
    (row,) = cli.ask("compute", "service", "list", "--service", "nova-compute", "--host", host)
    found: str = row["State"]
    return found


@pytest.mark.parametrize("service", ["neutron", "glance"])
def test_service_that_is_down(prober: Prober, service: str) -> None:
    with killed(service):
        assert failure(prober.run()) == ("resolve", "api_unreachable", "cloud")


@pytest.mark.usefixtures("_slow")
def test_nova_that_is_killed_amid_a_build(prober: Prober, cli: Cli) -> None:
    known = {run["id"] for run in prober.runs()}
    vm_id = prober.step("scheduled")["vm_id"]
    with killed("nova"):
        phase, *rest = failure(prober.ended(known))
        assert phase in ("networked", "built")
        assert rest == ["api_unreachable", "cloud"]
    assert vm_id in objects(cli)["server"]


def test_deletion_that_hangs(prober: Prober) -> None:
    with ExitStack() as knobs:
        for host in ("compute1", "compute2"):
            knobs.enter_context(knob(f"{host}.json", json.dumps({"destroy_seconds": 60})))
        run = prober.run()
    assert failure(run) == ("gone", "cleanup", "cloud")
    assert "built" in run["phases"]


def test_token_that_is_revoked_amid_a_run_costs_one_log_in(prober: Prober, cli: Cli) -> None:
    # Not amid a build: Nova itself uses the token of the user, and fails.
    known = {run["id"] for run in prober.runs()}
    with hung("neutron"):
        prober.step("authenticate")
        before = logins(prober)
        # Keystone revokes what it gave in the same second, too.
        wait_for_the_next_second()
        cli.do("user", "set", "--password", PASSWORD, PROJECT)
        time.sleep(CACHED_S + 1)
    run = prober.ended(known)
    assert run["outcome"] == "success", run
    assert logins(prober) - before == 1


def wait_for_the_next_second() -> None:
    time.sleep(1 - time.time() % 1)


def logins(prober: Prober) -> float:
    return read(prober.get()).value("stratoscope_cloud_logins_total", result="ok") or 0
